"""Sagas, by orchestration and by choreography. `SagaEngine` is the entrance."""

from chassis.saga.admin import SagaAdmin
from chassis.saga.engine import SagaDefinitionMismatch, SagaEngine
from chassis.saga.instance import OperationRefused
from chassis.saga.timers import SagaTimers

__all__ = ["OperationRefused", "SagaAdmin", "SagaDefinitionMismatch", "SagaEngine", "SagaTimers"]
