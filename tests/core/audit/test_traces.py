"""Traces of the script as hosts tell them."""

from __future__ import annotations

from flows.core.audit.history import Trace
from flows.core.audit.traces import control_command, made, server_command, traces

RUN = "0198f0c4-5a6b-7c8d-9e0f-a1b2c3d4e5f6"
ANSWER = f"""1800000000.1234567890 /var/lib/dataflow-flows/runs/{RUN}-2-recover/state.json
1800000001.5 /var/lib/dataflow-flows/runs/by-hand/state.json
1800000002.0000000000 /opt/portsip pbx/.dataflow_server
find: something else
"""


def test_traces_are_read_with_the_run_that_left_them() -> None:
    """A run folder names its run, also where it is one of several attempts; a file of the script names nobody."""
    first, second, third = traces(ANSWER, "pbx01")
    assert (first.at, first.run, second.run) == (1_800_000_000.0, RUN, "")
    assert third == Trace(1_800_000_002.0, "the script left /opt/portsip pbx/.dataflow_server on pbx01")
    assert traces("", "pbx01") == ()


def test_containers_are_traces_too() -> None:
    """Docker tells times to the nanosecond, or less."""
    found = made({"a": "2027-01-15T08:00:00.123456789Z", "b": "2027-01-15T08:00:01Z"})
    assert [(round(trace.at, 3), trace.what.split()[2]) for trace in found] == [
        (1_800_000_000.123, "a"),
        (1_800_000_001.0, "b"),
    ]


def test_folders_are_quoted() -> None:
    """They come from a block."""
    assert "'/opt/a b'" in control_command("/var/lib/x", "/opt/a b")
    assert "sudo -n find" in server_command().replace("$s", "sudo -n")
