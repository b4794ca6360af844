"""Every error says where, what was tried, what came back and what next, and survives being stored by Prefect."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

import blocks
import flows
from blocks.errors import APIError, CommandFailed, DataFlowError
from flows import errors

# Every module is imported, so that an error that somebody adds anywhere is seen here.
for package in (blocks, flows):
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(info.name)


def tree(kind: type[DataFlowError]) -> Iterator[type[DataFlowError]]:
    """The error and everything below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


ERRORS = list(tree(DataFlowError))
FOUR = ("pbx01", "`uname -r`", "timed out", "Check that it is up.")
OWN = {CommandFailed: {"exit_code": 7}, APIError: {"status": 404, "code": 12}}
each = pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)


def made(kind: type[DataFlowError]) -> DataFlowError:
    """An error of this kind with everything that it can hold."""
    return kind(*FOUR, **OWN.get(kind, {}))


@each
def test_an_error_comes_back_from_where_prefect_stores_it(kind: type[DataFlowError]) -> None:
    """With its kind, its words and its own numbers."""
    error = made(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert (again.where, again.tried, again.answer, again.hint) == FOUR
        assert str(again) == str(error)
        assert vars(again) == vars(error)
    assert {name: getattr(error, name) for name in OWN.get(kind, {})} == OWN.get(kind, {})


@each
def test_the_message_names_host_attempt_answer_and_next_step(kind: type[DataFlowError]) -> None:
    """In this order, in every kind."""
    assert str(made(kind)) == "pbx01: tried `uname -r`; got: timed out. Check that it is up."
    assert repr(made(kind)) == f"{kind.__name__}('pbx01: tried `uname -r`; got: timed out. Check that it is up.')"


def test_an_answer_that_ends_with_a_full_stop_gets_no_second_one() -> None:
    """Systems answer with and without."""
    assert str(DataFlowError("a", "b", "Refused.", "Next.")) == "a: tried b; got: Refused. Next."


@each
def test_an_error_is_offered_by_flows_and_drawn_in_its_tree(kind: type[DataFlowError]) -> None:
    """One place to import from, one picture of all; none is defined elsewhere."""
    assert kind.__name__ in errors.__all__
    assert kind.__module__ in ("blocks.errors", "flows.errors")
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__doc__ and kind.__doc__.endswith((".", ")."))


def test_only_one_level_of_children_is_told_apart() -> None:
    """A caller catches a kind, never a kind of a kind: `Unreachable` alone is retried, nothing below or above it."""
    assert {kind.__base__ for kind in ERRORS[1:]} == {DataFlowError}
    assert set(errors.__all__) == {kind.__name__ for kind in ERRORS}
