"""Tests on real parts: the shared ones are started once for the session, everything is marked `lab`.

Under xdist the engine is started by the process that only distributes the tests; its workers join it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.engine import missing
from tests.flows.conftest import cluster, quick_polls  # noqa: F401 - the stories' fixtures
from tests.stories.worlds import SHARED

HERE = Path(__file__).parent
LONGEST = ("[shared-recreated", "[shared-serving", "is_rolled_back", "a_bare_host", "keeps_every_acknowledged_call")
"""What takes longest comes first: a worker that gets such a one last lets the others wait for it."""


def pytest_configure(config: pytest.Config) -> None:
    """Start the engine for the workers of xdist, before they are started; without it, `parts` does."""
    if config.getoption("dist", "no") == "no" or config.option.collectonly or "not lab" in config.option.markexpr:
        return
    if missing():
        return  # the workers tell
    from tests.engine.shared import for_other_processes

    stack = ExitStack()
    stack.enter_context(for_other_processes())
    config.add_cleanup(stack.close)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give what shares a world to one worker. Of xdist itself, `loadgroup` has no effect with pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return Together(config, log) if config.getoption("dist") == "loadgroup" else None


def scope_of(nodeid: str) -> str:
    """What stays together: the tests of a module's lab, the stories in a shared world; else each is by itself."""
    file, _, test = nodeid.partition("::")
    world = test.partition("[")[2]
    return nodeid if world and not world.startswith(SHARED) else f"{file} {world}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, and put it in the order that ends soonest."""
    own = [item for item in items if HERE in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.lab)
    items.sort(key=lambda item: _rank(item.name) if item in own else 0)


def _rank(name: str) -> int:
    return next((place for place, words in enumerate(LONGEST) if words in name), len(LONGEST))


@pytest.fixture(scope="session")
def parts() -> Iterator[Any]:
    """The engine, the images and the registry, for every test of the session."""
    if lacking := missing():
        if os.environ.get("CI"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    from tests.engine.shared import Shared

    with Shared() as shared:
        yield shared


@pytest.fixture(scope="session", autouse=True)
def lab_parts(parts: Any) -> Any:
    """Nothing here runs without them."""
    return parts
