"""Policies: whenever an event of another aggregate is seen, do a command here."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chassis.definition import Policy
from chassis.domain import IllegalState
from chassis.execute import Executed, SagaStarter, execute
from chassis.saga.bindings import Current, evaluate, items, read

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.work import UnitOfWork

log = logging.getLogger("chassis.policies")


def payloads(policy: Policy, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The inputs of the policy's commands for one event, without the key of targets that have yet to be found."""
    data = {policy.event.text: event}
    if policy.for_each is None:
        yield evaluate(policy.bindings, data)
        return
    found = items(policy.for_each, data)
    for index, item in enumerate(found):
        yield evaluate(policy.bindings, data, Current(item, index, len(found)))


def apply_policy(
    service: Service, policy: Policy, event: Mapping[str, Any], work: UnitOfWork, *, sagas: SagaStarter | None = None
) -> list[Executed]:
    """Carry out the policy's commands within `work`.

    A target that was *found* and whose state does not allow the command is passed over: the policy speaks of those
    that it can apply to. A target that the event *names* must take the command; until it can, the event is retried.
    """
    name = policy.command.text
    context = replace(work.context, saga=None)  # what a policy does is no step of the saga its event belongs to
    done: list[Executed] = []
    with work.using(context):
        for payload in _in_key_order(service, policy, payloads(policy, event)):
            if not policy.found_by:
                done.append(execute(service, name, payload, work, sagas=sagas))
                continue
            for key in _found(service, policy, event, work):
                target = {_key_field(service, policy): key, **payload}
                try:
                    with work.nested():
                        done.append(execute(service, name, target, work, sagas=sagas))
                except IllegalState as refusal:
                    log.info("policy %s passes over %s: %s", policy.name.text, key, refusal)
    return done


def _key_field(service: Service, policy: Policy) -> str:
    command = service.commands[policy.command.text]
    aggregate = next(a for a in service.definition.aggregates if a.name.text == command.aggregate.text)
    return aggregate.key.name.text


def _in_key_order(service: Service, policy: Policy, targets: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows are locked in the order of their keys, so that two events with the same items cannot deadlock."""
    if service.commands[policy.command.text].target != "existing" or policy.found_by:
        return list(targets)
    field = _key_field(service, policy)
    return sorted(targets, key=lambda payload: str(payload.get(field, "")))


def _found(service: Service, policy: Policy, event: Mapping[str, Any], work: UnitOfWork) -> list[Any]:
    value = read(policy.found_value, {policy.event.text: event}) if policy.found_value else None
    if value is None:
        return []
    aggregate = service.commands[policy.command.text].aggregate.text
    keys = service.finders[aggregate](work, policy.found_by, value)
    return sorted((key if isinstance(key, str | int) else str(key) for key in keys), key=str)
