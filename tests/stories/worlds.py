"""The worlds that stories are told in: each story says what it wants, and who collects it says which kind that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.sandbox import vendor

SHARED = "shared"


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a world is made with. Stories that name the very same one share a world as long as they follow each other.

    Such a one says what it is `shared` for: its stories are not spread over processes. Each of them leaves the
    service as it was: the same images, running, nobody holding the cluster.
    """

    shared: str = ""
    installed: str = ""
    variant: str = "22.8"
    live_calls: bool = False
    live_rate: float = 5
    docker_installed: bool = True
    history_rows: int = 20_000

    def __str__(self) -> str:
        shared = SHARED * bool(self.shared)
        words = (shared, self.shared, self.variant, self.installed or "bare", "calls" * self.live_calls)
        return "-".join(word for word in words if word)


def in_world(*wanted: Any) -> pytest.MarkDecorator:
    """Tell the story in this world, or once in each of them; `pytest.param` gives one of them marks."""
    return pytest.mark.parametrize("world", wanted, indirect=True, ids=str)


def world_fixture(make: Callable[..., AbstractContextManager[Any]]) -> Any:
    """The fixture `world` of a test module that collects the stories; `make` is the class of its worlds."""

    @pytest.fixture(scope="module")
    def world(request: pytest.FixtureRequest) -> Iterator[Any]:
        settings = dict(vars(request.param))
        del settings["shared"]
        with make(**settings) as made:
            vendor.start_over(made.control)
            yield made

    return world
