"""The way back: one literal for each branch of design.md 11, and what no combination of facts may ever lead to."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.core.change_state import ChangeState, Image, Images, Phase
from flows.core.data.verdict import TableVerdict, Verdict, Word
from flows.core.installed import Service, healthy
from flows.core.recovery import Way, WayBack, way_back
from flows.core.snapshot import Container

OLD = Images(Image("p:1", "p1", "p@sha256:p1", "22.3"), Image("c:1", "c1", "c@sha256:c1", "24.8"))
NEW = Images(Image("p:2", "p2", "p@sha256:p2", "22.8"), Image("c:2", "c2", "c@sha256:c2", "25.8"))
STATE = ChangeState(
    "run-1",
    "upgrade",
    "prod",
    "t",
    Phase.SCRIPT,
    recorded={"DATA_PATH": "/var/lib/portsip", "PRI_IP_ADDRESS": "192.168.1.26"},
    old=OLD,
    new=NEW,
    restore_point="point-1",
)
LOST = Verdict((TableVerdict("df.cdr", Word.LOST, 10, 5, 0, 5, "five rows are gone"),))
FINE = Verdict((TableVerdict("df.cdr", Word.OK, 10, 10, 0, 0, ""),))


def container(name: str, image: str, *, running: bool = False, health: str = "") -> Container:
    """A container of this name and image id."""
    return Container(name, name, image, image, (), running, health, 0, {})


def service(writer: str = "", engine: str = "", *, runs: str = "", strangers: tuple[Container, ...] = ()) -> Service:
    """The service with these image ids ("": no container); `runs` names those that run: w, e."""
    return Service(
        container("database", engine, running="e" in runs) if engine else None,
        container("writer", writer, running="w" in runs) if writer else None,
        strangers,
    )


OLD_THERE, NEW_THERE, NOTHING = service("p1", "c1"), service("p2", "c2"), service()
STRANGE = service("p1", "c1", strangers=(container("other", "x"),))


def way(
    state: ChangeState,
    found: Service,
    *,
    opened: bool | None = None,
    verdict: Verdict | None = None,
    runs: bool = False,
) -> WayBack:
    """The way back, with what most cases share."""
    return way_back(
        state, found, script_runs=runs, opened=opened, verdict=verdict, script=("/opt/guide", "dataflow.sh")
    )


def in_phase(phase: Phase, **changed: object) -> ChangeState:
    """The state in another phase."""
    return replace(STATE, phase=phase, **changed)  # type: ignore[arg-type]


CASES: list[tuple[ChangeState, Service, bool | None, Verdict | None, Way, str]] = [
    # It serves.
    (STATE, service("p2", "c2", runs="we"), True, None, Way.SERVING, "healthy"),
    (STATE, service("p2", "c2", runs="we"), True, FINE, Way.SERVING, "healthy"),
    (STATE, service("p1", "c1", runs="we", strangers=STRANGE.strangers), None, None, Way.SERVING, "healthy"),
    # Nothing was removed: what is there is started.
    (in_phase(Phase.STOPPING), service("p1", "c1", runs="e"), None, None, Way.START, "writer is not running"),
    (in_phase(Phase.STOPPED), OLD_THERE, None, None, Way.START, "database is not running"),
    (in_phase(Phase.KEPT), OLD_THERE, False, None, Way.START, "still there"),
    (STATE, OLD_THERE, False, None, Way.START, "still there"),
    (STATE, service("p1", "c1", runs="e"), True, None, Way.START, "writer is not running"),
    (STATE, replace(OLD_THERE, dataflow=container("writer", "p1", running=True)), False, None, Way.START, ""),
    # The old containers are there, but a newer engine may have opened the folder.
    (STATE, OLD_THERE, True, None, Way.RUN_TARGET, "must not open this folder again"),
    (STATE, OLD_THERE, None, None, Way.RUN_TARGET, "must not open this folder again"),
    # The same engine, another PBX image: nothing newer can have opened it.
    (replace(STATE, new=replace(NEW, clickhouse=OLD.clickhouse)), OLD_THERE, None, None, Way.START, ""),
    # The new ones are there.
    (STATE, NEW_THERE, True, None, Way.START, "still there"),
    (STATE, NEW_THERE, None, None, Way.START, "still there"),
    # One old and one new, or of no known image.
    (STATE, service("p1", "c2", runs="e"), True, None, Way.RUN_TARGET, "another engine"),
    (STATE, service("p9", "c9"), False, None, Way.RUN_TARGET, "another engine"),
    (replace(STATE, old=None), OLD_THERE, False, None, Way.RUN_TARGET, "another engine"),
    # Removed, and no new engine was ever created.
    (STATE, NOTHING, False, None, Way.RUN_RECORDED, "nothing opened the data folder"),
    (STATE, service("", "c1"), False, None, Way.RUN_RECORDED, "no Data Flow container"),
    # Removed, and a new engine was created, or nobody knows.
    (STATE, NOTHING, True, None, Way.RUN_TARGET, "was opened"),
    (STATE, NOTHING, None, None, Way.RUN_TARGET, "may have been opened"),
    (STATE, service("", "c2", runs="e"), True, None, Way.RUN_TARGET, "was opened"),
    (replace(STATE, old=None), NOTHING, False, None, Way.RUN_TARGET, "was not opened"),
    # Forward is not possible.
    (replace(STATE, recorded={}), NOTHING, None, None, Way.STAY_STOPPED, "saved parameters"),
    (replace(STATE, new=None), NOTHING, None, None, Way.STAY_STOPPED, "wanted images"),
    (replace(STATE, recorded={"DATA_PATH": "/d"}), NOTHING, False, None, Way.STAY_STOPPED, "saved parameters"),
    # The data cannot be read, or rows are gone.
    (STATE, service("p2", "c2", runs="we"), True, LOST, Way.STAY_STOPPED, "5 rows lost"),
    (STATE, NOTHING, False, LOST, Way.STAY_STOPPED, "5 rows lost"),
    # Containers that nobody knows, and changes whose end is a stopped service, or that only they may go on with.
    (STATE, STRANGE, False, None, Way.STAY_STOPPED, "not known to us (other)"),
    (replace(STATE, kind="remove"), service("p1"), False, None, Way.STAY_STOPPED, "ordered"),
    (replace(STATE, kind="stop"), OLD_THERE, None, None, Way.STAY_STOPPED, "ordered"),
    (replace(STATE, kind="rollback"), OLD_THERE, False, None, Way.STAY_STOPPED, "only a rollback may go on"),
    # Changes that bring no images of their own.
    (replace(STATE, kind="restart", old=None, new=None), OLD_THERE, None, None, Way.START, "still there"),
]


def test_the_way_back_of_each_case() -> None:
    """As issue 3 and the design's section 11 have it; each says why and what a person can type."""
    for state, found, opened, verdict, expected, why in CASES:
        answer = way(state, found, opened=opened, verdict=verdict)
        assert (answer.way, why in answer.why) == (expected, True), answer
        assert answer.by_hand, answer
        assert all(command.strip() for command in answer.by_hand), answer


def test_a_running_script_is_waited_for_whatever_else_is_true() -> None:
    """Also when rows are missing: the script may be in the middle of bringing them back."""
    assert way(STATE, NOTHING, opened=False, verdict=LOST, runs=True).way is Way.WAIT


TYPED: list[tuple[WayBack, tuple[str, ...]]] = [
    (
        way(STATE, OLD_THERE, opened=False),
        (
            "docker start database  # on the Data Flow server",
            "curl --retry 30 --retry-connrefused http://127.0.0.1:8123/ping",
            "docker start writer",
        ),
    ),
    (
        way(STATE, NOTHING, opened=False),
        (
            "cd /opt/guide && /bin/bash dataflow.sh run -p /var/lib/portsip -a 192.168.1.26 -i p@sha256:p1 "
            "-d c@sha256:c1  # on pbx01",
        ),
    ),
    (
        way(STATE, service("", "c2", runs="e"), opened=True),
        (
            "docker stop -t 300 database  # on the Data Flow server",
            "cd /opt/guide && /bin/bash dataflow.sh run -p /var/lib/portsip -a 192.168.1.26 -i p@sha256:p2 "
            "-d c@sha256:c2  # on pbx01",
        ),
    ),
    (
        way(STATE, service("p2", "c2", runs="we"), verdict=LOST),
        (
            "docker stop -t 300 writer",
            "docker stop -t 300 database",
            "run rollback-data-flow (restore point point-1)",
        ),
    ),
    (
        way(replace(STATE, kind="install", old=None, new=None, recorded={}), NOTHING),
        ("run install-data-flow again: it goes on where this one ended",),
    ),
]


def test_what_a_person_types() -> None:
    """The same that the flow would do: the recorded parameters, images by digest, ClickHouse before the writer."""
    for answer, commands in TYPED:
        assert answer.by_hand == commands
        assert answer.text.startswith(f"{answer.way}: {answer.why}. By hand: ")


IDS = st.sampled_from(["", "p1", "p2", "c1", "c2", "x"])
SERVICES = st.builds(
    service,
    IDS,
    IDS,
    runs=st.sampled_from(["", "w", "e", "we"]),
    strangers=st.sampled_from([(), STRANGE.strangers]),
)
STATES = st.builds(
    replace,
    st.just(STATE),
    phase=st.sampled_from(list(Phase)),
    kind=st.sampled_from(["install", "upgrade", "recreate", "rollback", "start", "stop", "restart", "remove"]),
    old=st.sampled_from([OLD, None]),
    new=st.sampled_from([NEW, OLD, replace(NEW, clickhouse=OLD.clickhouse), None]),
    recorded=st.sampled_from([STATE.recorded, {}]),
    restore_point=st.sampled_from(["point-1", ""]),
)
STARTS = {Way.START, Way.RUN_RECORDED, Way.RUN_TARGET}


@given(STATES, SERVICES, st.booleans(), st.sampled_from([True, False, None]), st.sampled_from([None, FINE, LOST]))
def test_no_facts_lead_to_a_way_that_could_cost_data(
    state: ChangeState, found: Service, runs: bool, opened: bool | None, verdict: Verdict | None
) -> None:
    """No older engine on an opened folder, nothing started on lost rows, nobody beside a running script."""
    answer = way(state, found, opened=opened, verdict=verdict, runs=runs)
    assert answer.why
    assert answer.by_hand
    assert (answer.way is Way.WAIT) is runs
    if answer.way is Way.RUN_RECORDED:
        assert opened is False
    if verdict is LOST:
        assert answer.way not in STARTS | {Way.SERVING}
    if answer.way in STARTS:
        assert healthy(found)
        assert not found.strangers
        assert state.kind not in ("remove", "stop", "rollback")
    engine = found.clickhouse
    if answer.way is Way.START and engine and not engine.running and state.phase.reached(Phase.SCRIPT) and state.new:
        assert opened is False or engine.image_id == state.new.clickhouse.id
