"""All cores: how they decide, how traces of them are made, and how many of these are kept."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from model import barrier, calls, choreography, fulfilment, leases, messages, orchestration
from model.traces import calls as of_calls
from model.traces import messages as of_messages
from model.traces import sagas as of_sagas
from model.traces.recording import Recording
from model.values import Core


@dataclass(frozen=True)
class Entry:
    """One core."""

    decide: Core
    traces: SearchStrategy[Recording]
    count: int
    keeps: bool = True  # its state goes from step to step


CORES: dict[str, Entry] = {
    "back-off": Entry(calls.back_off, of_calls.back_off(), 400, keeps=False),
    "retry": Entry(calls.retry, of_calls.retry(), 700),
    "retry-topic": Entry(messages.retry_topic, of_messages.retry_topic(), 300, keeps=False),
    "breaker": Entry(calls.breaker, of_calls.breaker(), 1200),
    "bulkhead": Entry(calls.bulkhead, of_calls.bulkhead(), 700),
    "rate-limit": Entry(calls.rate_limit, of_calls.rate_limit(), 800),
    "deadline": Entry(calls.deadline, of_calls.deadline(), 500, keeps=False),
    "lease": Entry(leases.lease, of_calls.lease(), 1200),
    "relay": Entry(messages.relay, of_messages.relay(), 1200, keeps=False),
    "inbox": Entry(messages.inbox, of_messages.inbox(), 1200, keeps=False),
    "barrier": Entry(barrier.barrier, of_messages.barrier(), 500),
    "orchestration": Entry(orchestration.orchestration, of_sagas.orchestration(), 2400),
    "choreography": Entry(choreography.choreography, of_sagas.choreography(), 1400),
    "fulfilment": Entry(fulfilment.fulfilment, of_sagas.fulfilment(), 1400),
}
