"""Each rule of preflight finds what it is there for and is silent on a healthy cluster."""

from __future__ import annotations

from dataclasses import replace

from flows.core.preflight import RULES_INSTALL, registered
from flows.core.snapshot import Listener, SavedParameters, Snapshot
from flows.core.wish import Wish
from tests.core.cases_cluster import CLUSTER
from tests.core.cases_engine import ENGINE
from tests.core.cases_health import HEALTH
from tests.core.cases_machine import MACHINE
from tests.core.cases_service import SERVICE
from tests.core.healthy import (
    CLICKHOUSE,
    DATAFLOW,
    GIB,
    SNAPSHOT,
    WISH,
    host,
    ip_rule,
    requiring,
    wish,
    with_disk,
    with_docker,
    with_pbx,
    with_script,
    with_server,
)

DATA = "/var/lib/portsip"
OTHER_PBX = SavedParameters("/opt/b/.configure_dataflow", {"PBX_IP_ADDRESS": "10.0.0.9"})
LISTEN = SNAPSHOT.server.listeners or ()


def listening(protocol: str, address: str, port: int, process: str = "") -> Snapshot:
    """The healthy cluster whose server listens on one more socket."""
    return with_server(listeners=(*LISTEN, Listener(protocol, address, port, process)))


def node(**changes: object) -> Snapshot:
    """The healthy cluster with another second PBX node."""
    return replace(SNAPSHOT, nodes=(host("pbx02", "192.168.1.22", **changes),))


FAILING = MACHINE + CLUSTER + SERVICE + ENGINE + HEALTH


def test_a_rule_finds_its_trouble() -> None:
    """The rule says what is seen and what is wanted, with its id, level, hint and section."""
    for name, snapshot, wished, words in FAILING:
        rule = registered()[name]
        finding = rule(snapshot, wished)
        assert finding is not None, name
        assert words in finding.message, name
        assert not finding.message.startswith("unknown"), name
        assert (finding.id, finding.level, finding.hint, finding.guide) == (name, rule.level, rule.hint, rule.guide)


def test_a_healthy_cluster_passes() -> None:
    """No rule finds anything on the healthy cluster."""
    assert [finding for rule in RULES_INSTALL if (finding := rule(SNAPSHOT, WISH))] == []


def test_every_rule_has_a_failing_case() -> None:
    """A rule without a failing case above would be a rule that nobody saw working."""
    assert {row[0] for row in FAILING} == set(registered())


FINE: list[tuple[str, Snapshot, Wish]] = [
    ("host.memory", with_server(memory=int(15.4 * GIB)), WISH),
    ("host.system-disk", with_disk("/", size=int(55.5 * GIB)), WISH),
    ("host.data-disk", with_disk(DATA, size=int(234 * GIB)), WISH),
    ("host.data-disk", with_disk(DATA, size=280 * GIB, mount="/"), WISH),
    ("host.vcpu", with_server(vcpu=2), requiring(vcpu=2)),
    (
        "host.data-device",
        with_disk(DATA, device="/dev/mapper/vg-data", parents=("dm-0", "sdb1", "sdb")),
        WISH,
    ),
    ("host.data-device", with_disk(DATA, device="/dev/sdc"), wish(data_device="")),
    ("host.disk-for-calls", with_disk(DATA, available=1), wish(calls_per_day=0)),
    ("host.power-saving", with_server(governors=("performance",)), WISH),
    ("host.dns-server", listening("tcp", "::1", 53, "unbound"), WISH),
    ("host.port-taken", listening("tcp", "*", 8123, "clickhouse-serv"), WISH),
    ("host.vpn", with_server(interfaces=("lo", "ens3", "wlan0", "br-1234", "veth1a2b")), WISH),
    ("host.address-missing", SNAPSHOT, wish(private_address="", public_address="203.0.113.9")),
    (
        "host.shared-with-other-pbx",
        replace(SNAPSHOT, saved=(), docker=replace(SNAPSHOT.docker, containers=())),
        WISH,
    ),
    (
        "host.shared-with-other-pbx",
        with_docker(containers=(CLICKHOUSE, DATAFLOW, replace(DATAFLOW, name="portsip.dataflow_initdt"))),
        WISH,
    ),
    ("host.data-path-differs", replace(SNAPSHOT, saved=()), WISH),
    ("host.password-record", replace(SNAPSHOT, password_file=False, password_recorded=None), WISH),
    ("host.mount-differs", with_docker(present=False, containers=None), WISH),
    ("script.option-missing", with_script(options=("a", "i", "p")), wish(clickhouse_image="")),
    ("pbx.version", with_pbx(version="v22.10.0.1-beta"), WISH),
    ("pbx.image-unknown", with_script(variables=None), wish(pbx_image="portsip/pbx:22")),
    ("pbx.token-unknown", with_pbx(token=None), wish(token_by_hand=True)),
    ("pbx.address-denied", with_pbx(ip_rules=(ip_rule("192.168.1.26", "DENY", -1),)), WISH),
    ("pbx.whitelist-missing", with_pbx(ip_rules=(ip_rule("192.168.1.26"),)), WISH),
]


def test_a_rule_is_silent_at_its_edge() -> None:
    """What is just good enough, or not asked for, is no finding."""
    assert [found for name, snapshot, wished in FINE if (found := registered()[name](snapshot, wished))] == []
