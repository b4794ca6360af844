"""What every test stands on: a Prefect home of its own, nothing sent anywhere, one Prefect server on request.

Prefect is imported inside the fixture only: tests of pure logic must not wait for it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import certifi
import pytest

# Set before anything imports Prefect; what the developer has set for his own Prefect must not reach a test.
for name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[name]
_HOME = tempfile.TemporaryDirectory(prefix="prefect-tests-", ignore_cleanup_errors=True)
_ONE = Path(_HOME.name, "one-authority.pem")
_ONE.write_text("".join(Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")[:2]) + "\n")
os.environ |= {
    "PREFECT_HOME": _HOME.name,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # No PREFECT_TEST_MODE: it sets both levels to DEBUG whatever stands here, thousands of lines for each run.
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
    # Each client of Prefect's, and a run makes several, reads all authorities that there are: 50 ms of a core.
    "PREFECT_API_SSL_CERT_FILE": str(_ONE),
    # Without it a proxy of the developer's network is asked for loopback addresses.
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """A Prefect server for this process (about 8 s, once); yields the address of its API."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    from tests.sandbox import prefect_database

    def folder() -> str:
        made = tempfile.mkdtemp()
        prefect_database.put(Path(made, "prefect-test.db"))
        return made

    prefect_database.make()
    # Ending a run waits a second for its heartbeat: with none, a flow takes 0.2 s instead of 1.2 s.
    with (
        mock.patch("prefect.testing.utilities.mkdtemp", folder),  # the harness has no word for a ready database
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield str(PREFECT_API_URL.value())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what has a long time-out of its own: at the end, one worker would wait for the other."""
    limits = {item.nodeid: item.get_closest_marker("timeout") for item in items}
    items.sort(key=lambda item: -float(limits[item.nodeid].args[0]) if limits[item.nodeid] else 0.0)
