"""Tests on real parts: the shared ones are started once for the session, everything is marked `lab`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.engine import missing
from tests.flows.conftest import cluster, quick_polls  # noqa: F401 - the stories' fixtures

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


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
