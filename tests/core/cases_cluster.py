"""A case of trouble for each rule about network, software, containers, control node and PBX."""

from __future__ import annotations

from dataclasses import replace

from flows.core.snapshot import Address, Listener, SavedParameters, Snapshot
from flows.core.wish import Wish
from tests.core.healthy import (
    CLICKHOUSE,
    DATAFLOW,
    SNAPSHOT,
    WISH,
    host,
    ip_rule,
    wish,
    with_control,
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


# id, snapshot, wish, words of the message
CLUSTER: list[tuple[str, Snapshot, Wish, str]] = [
    (
        "host.address-dynamic",
        with_server(addresses=(Address("192.168.1.26", "ens3", True),)),
        WISH,
        "192.168.1.26 on ens3 comes from DHCP",
    ),
    (
        "host.address-missing",
        SNAPSHOT,
        wish(private_address="192.168.1.62"),
        "does not have the address 192.168.1.62",
    ),
    ("host.address-missing", SNAPSHOT, wish(private_address=""), "neither a private (-a) nor a public (-A)"),
    (
        "host.public-address-elsewhere",
        SNAPSHOT,
        wish(public_address="203.0.113.9"),
        "public address 203.0.113.9",
    ),
    (
        "host.pbx-unreachable",
        with_server(reachable=(("192.168.1.20", 8887, True), ("192.168.1.20", 4222, False))),
        WISH,
        "cannot reach 192.168.1.20 on port 4222",
    ),
    (
        "host.dns-server",
        listening("udp", "0.0.0.0", 53, "dnsmasq"),
        WISH,
        "serves DNS: udp 0.0.0.0:53 (dnsmasq)",
    ),
    ("host.dhcp-server", listening("udp", "*", 67), WISH, "serves DHCP: udp *:67"),
    (
        "host.port-taken",
        replace(listening("tcp", "127.0.0.1", 9000, "php-fpm"), docker=replace(SNAPSHOT.docker, containers=())),
        WISH,
        "taken: tcp 127.0.0.1:9000 (php-fpm)",
    ),
    (
        "host.updates-pending",
        with_server(pending_updates=("a", "b")),
        WISH,
        "2 updates wait by lists 2 days old: a, b",
    ),
    ("host.package-lists-old", with_server(package_lists_age=30 * 86400.0), WISH, "30 days old, at most 7"),
    ("host.reboot-pending", with_server(reboot_pending=True), WISH, "wait for a reboot"),
    (
        "host.automatic-reboot",
        with_control(automatic_reboot=True),
        WISH,
        "pbx01: unattended upgrades may reboot",
    ),
    ("host.apt-running", with_control(processes=frozenset({"apt-get"})), WISH, "pbx01: apt-get is running"),
    ("host.postgresql", with_server(packages=frozenset({"postgresql-16"})), WISH, "package postgresql-16"),
    ("host.postgresql", with_server(processes=frozenset({"postgres"})), WISH, "process postgres"),
    ("host.remote-access", with_server(packages=frozenset({"teamviewer"})), WISH, "package teamviewer"),
    ("host.vpn", with_server(packages=frozenset({"wireguard-tools"})), WISH, "package wireguard-tools"),
    ("host.vpn", with_server(interfaces=("lo", "tun0")), WISH, "interface tun0"),
    ("docker.unusable", with_docker(containers=None, trouble="permission denied"), WISH, "permission denied"),
    ("docker.absent", with_docker(present=False, containers=None), WISH, "no Docker yet"),
    (
        "host.data-path-differs",
        SNAPSHOT,
        wish(data_path="/var/lib/porstip"),
        "installed with -p /var/lib/portsip/",
    ),
    (
        "host.mount-differs",
        SNAPSHOT,
        wish(data_path="/srv/data"),
        "portsip.clickhouse mounts /var/lib/portsip/",
    ),
    (
        "host.shared-with-other-pbx",
        with_docker(containers=(CLICKHOUSE, DATAFLOW, replace(DATAFLOW, name="other", image="backup:1"))),
        WISH,
        "unknown container other uses /var/lib/portsip",
    ),
    (
        "host.shared-with-other-pbx",
        with_docker(containers=(CLICKHOUSE, DATAFLOW, replace(DATAFLOW, name="second"))),
        WISH,
        "2 dataflow containers: portsip.dataflow, second",
    ),
    (
        "host.shared-with-other-pbx",
        replace(SNAPSHOT, saved=(*(SNAPSHOT.saved or ()), OTHER_PBX)),
        WISH,
        "several PBXs: 10.0.0.9, 192.168.1.20",
    ),
    (
        "host.shared-with-other-pbx",
        replace(SNAPSHOT, saved=(OTHER_PBX,)),
        WISH,
        "installed for the PBX 10.0.0.9",
    ),
    (
        "host.password-record",
        replace(SNAPSHOT, password_recorded=False),
        WISH,
        "system.ini holds no password",
    ),
    (
        "control.script-missing",
        with_script(present=False),
        WISH,
        "pbx01 has no /opt/portsip-pbx-ha-guide/dataflow.sh",
    ),
    (
        "control.not-pbx01",
        with_control(addresses=(Address("192.168.1.22", "ens3", False),)),
        WISH,
        "is not pbx01",
    ),
    ("control.python", with_control(python=False), WISH, "pbx01 has no python3"),
    (
        "control.ha-unhealthy",
        with_script(ha_status="pbx    (ocf::portsip:pbx):    Stopped\n"),
        WISH,
        "not healthy: pbx is Stopped",
    ),
    ("control.key-missing", with_script(public_key=""), WISH, "pbx01 has no ~/.ssh/id_rsa.pub"),
    ("control.login-missing", with_script(logs_in=False), WISH, "pbx01 cannot log in to dataflow01"),
    (
        "script.verb-missing",
        with_script(verbs=("start", "stop")),
        WISH,
        "does not know `run`, only start, stop",
    ),
    ("script.option-missing", with_script(options=("a", "i", "p")), WISH, "dataflow.sh does not know -d"),
    ("pbx.unreachable", with_pbx(reached=False, trouble="timed out"), WISH, "did not answer: timed out"),
    ("pbx.version", with_pbx(version="22.2.9"), WISH, "version 22.2.9; Data Flow needs at least 22.3.0"),
    ("pbx.image-unknown", with_script(variables=None), WISH, "res/vars.yml cannot be read"),
    ("pbx.image-unknown", with_script(variables={"vip": "1"}), WISH, "res/vars.yml names no pbx_image"),
    (
        "pbx.address-denied",
        with_pbx(ip_rules=(ip_rule("192.168.1.26/31", "DENY", 1),)),
        WISH,
        "the server 192.168.1.26 by 192.168.1.26/31 until 2027-01-16",
    ),
    (
        "pbx.address-denied",
        with_pbx(ip_rules=(ip_rule("192.168.1.21", "DENY"),)),
        WISH,
        "the control node 192.168.1.21",
    ),
    (
        "pbx.address-denied",
        with_pbx(ip_rules=(ip_rule("192.168.1.50", "DENY"),)),
        WISH,
        "the worker 192.168.1.50",
    ),
    ("pbx.whitelist-missing", with_pbx(ip_rules=()), WISH, "does not let in 192.168.1.26"),
    (
        "pbx.whitelist-missing",
        with_pbx(ip_rules=(ip_rule("192.168.1.26/32", days=30),)),
        WISH,
        "192.168.1.26 (only until 2027-02-14)",
    ),
    ("pbx.control-not-whitelisted", with_pbx(ip_rules=()), WISH, "does not let in pbx01 (192.168.1.21)"),
    ("pbx.worker-not-whitelisted", with_pbx(ip_rules=()), WISH, "does not let in the worker (192.168.1.50)"),
    ("pbx.token-unknown", with_pbx(token=None, token_trouble="404"), WISH, "is not known: 404"),
    ("pbx.token-missing", with_pbx(token="absent"), WISH, "no Data Flow token"),
    ("pbx.token-not-generated", with_pbx(token="absent"), wish(token_by_hand=True), "generated by hand"),
    ("install.new-token-needs-recreate", SNAPSHOT, wish(new_token=True), "the service is installed already"),
    (
        "install.other-version",
        with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, image_id="sha256:9"))),
        WISH,
        "with other images than portsip/pbx:22 and portsip/clickhouse:25.8",
    ),
    (
        "install.stopped",
        with_docker(containers=(CLICKHOUSE, replace(DATAFLOW, running=False))),
        WISH,
        "a container does not run",
    ),
    ("install.partial", with_docker(containers=(DATAFLOW,)), WISH, "only a part of the service's containers"),
]
