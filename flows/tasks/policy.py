"""How tasks are retried and remembered, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from prefect import Task
from prefect.cache_policies import NO_CACHE, RUN_ID, TASK_SOURCE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from flows.core.change import Outcome, Told
from flows.core.numbers import LOOK_RETRIES, LOOK_RETRY_DELAYS
from flows.errors import Unreachable

T = TypeVar("T")
_NOTHING = object()


def unreachable(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Only a host that could not be reached is worth another try; a refusal stays a refusal."""
    return isinstance(state.result(raise_on_failure=False), Unreachable)


def once_more(look: Callable[[], T]) -> T:
    """Look, and look again where nothing answered; a refused sign-in is not tried again (promise P9)."""
    try:
        return look()
    except Unreachable:
        return look()


RETRIED: dict[str, Any] = {
    "retries": LOOK_RETRIES,
    "retry_delay_seconds": LOOK_RETRY_DELAYS,
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": unreachable,
}

LOOK: dict[str, Any] = {**RETRIED, "cache_policy": NO_CACHE, "persist_result": False}
"""A look is always made anew: a remembered "after" would be the "before"."""

ONCE: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""A step that is not made again by itself: what it began would be in its own way."""

PREPARE: dict[str, Any] = {
    **RETRIED,
    "persist_result": True,
    "result_serializer": "json",
    "cache_policy": RUN_ID + TASK_SOURCE,
}
"""A step that looks before it changes: may be tried again, and the UI's Retry goes on behind the last finished one."""


@overload
def told(outcome: Outcome) -> Outcome: ...
@overload
def told(outcome: Outcome, value: T) -> Told[T]: ...
def told(outcome: Outcome, value: Any = _NOTHING) -> Any:
    """End a task with its outcome as the state's message, which is what the UI shows, and perhaps a value."""
    return Completed(message=str(outcome), data=outcome if value is _NOTHING else Told(outcome, value))
