"""Rules about Docker and what an earlier installation left: paths, passwords, other instances."""

from __future__ import annotations

from flows.core.addresses import same
from flows.core.findings import Level
from flows.core.preflight.rule import Unknown, known, rule
from flows.core.snapshot import Container, SavedParameters, Snapshot
from flows.core.wish import Wish, pbx_image

DEPLOY = "Step 5"
CLICKHOUSE_DATA = "/var/lib/clickhouse"


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"


def _containers(snapshot: Snapshot) -> tuple[Container, ...]:
    """All containers of the server; none where no engine is installed."""
    if snapshot.docker.present is False:
        return ()
    return known(snapshot.docker.containers, f"the containers of {snapshot.server.name}")


def _saved(snapshot: Snapshot) -> tuple[SavedParameters, ...]:
    return known(snapshot.saved, f"what an earlier installation recorded on {snapshot.server.name}")


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _repository(reference: str) -> str:
    """The image's name without digest and tag; a port of the registry is no tag."""
    name = reference.partition("@")[0]
    head, _, tag = name.rpartition(":")
    return head if head and "/" not in tag else name


def _kind(container: Container, data_path: str, image: str) -> str:
    """What a container on the data path is: "clickhouse", "dataflow", "helper" (init), or "" for unknown."""
    if _inside(container.mounts.get(CLICKHOUSE_DATA, ""), data_path):
        return "clickhouse"
    ours = container.labels.get("product") == "PBX" or (image and _repository(container.image) == _repository(image))
    if not ours:
        return ""
    return "helper" if "init" in container.name else "dataflow"


@rule(
    "docker.unusable",
    hint="Add the user to the group docker, or allow sudo without a password.",
    guide=DEPLOY,
)
def docker_unusable(snapshot: Snapshot, wish: Wish) -> str | None:
    """The deployment runs Docker on the server (by the user or by sudo)."""
    docker = snapshot.docker
    present = known(docker.present, f"whether {snapshot.server.name} has Docker {docker.trouble}".strip())
    if not present or (docker.containers is not None and not docker.trouble):
        return None
    why = docker.trouble or "it lists no containers"
    return f"{snapshot.server.name}: the Docker engine cannot be used: {why}"


@rule(
    "docker.absent",
    level=Level.NOTE,
    hint="Nothing to do: the vendor's script installs Docker.",
    guide=DEPLOY,
)
def docker_absent(snapshot: Snapshot, wish: Wish) -> str | None:
    """The deployment runs Docker on the server (the script installs it where it is missing)."""
    return f"{snapshot.server.name} has no Docker yet" if snapshot.docker.present is False else None


@rule(
    "host.data-path-differs",
    hint="Correct the data path (-p) in the block: with another the script silently creates an empty store.",
    guide=DEPLOY,
)
def data_path_differs(snapshot: Snapshot, wish: Wish) -> str | None:
    """-p: Path for storing Data Flow and ClickHouse data (the one that an earlier installation used)."""
    recorded = ((each.file, each.values["DATA_PATH"]) for each in _saved(snapshot) if each.values.get("DATA_PATH"))
    other = [f"{path} ({file})" for file, path in recorded if _plain(path) != _plain(wish.data_path)]
    if not other:
        return None
    return f"{snapshot.server.name} was installed with -p {', '.join(other)}; the block says {wish.data_path}"


@rule("host.mount-differs", hint="Correct the data path (-p) in the block before any change.", guide=DEPLOY)
def mount_differs(snapshot: Snapshot, wish: Wish) -> str | None:
    """-p: Path for storing Data Flow and ClickHouse data (the one that ClickHouse's container mounts)."""
    folder = _plain(wish.data_path)
    mounted = ((c.name, c.mounts[CLICKHOUSE_DATA]) for c in _containers(snapshot) if CLICKHOUSE_DATA in c.mounts)
    other = [f"{name} mounts {path}" for name, path in mounted if not _inside(path, folder)]
    return f"{snapshot.server.name}: {', '.join(other)}, not below {wish.data_path}" if other else None


@rule(
    "host.shared-with-other-pbx",
    lowerable=False,
    hint="More than this cluster uses this server: changes here would stop the others too. Do it by hand.",
    guide="Install Data Flow Service on a Separate Server",
)
def shared(snapshot: Snapshot, wish: Wish) -> str | None:
    """The Data Flow Service must be installed on a separate server (one instance, one PBX)."""
    folder, image = _plain(wish.data_path), pbx_image(snapshot, wish)
    on_path = [c for c in _containers(snapshot) if any(_inside(m, folder) for m in c.mounts.values())]
    kinds = [(c.name, _kind(c, folder, image)) for c in on_path]
    wrong = [f"unknown container {name} uses {folder}" for name, kind in kinds if not kind]
    for wanted in ("clickhouse", "dataflow"):
        names = [name for name, kind in kinds if kind == wanted]
        wrong += [f"{len(names)} {wanted} containers: {', '.join(names)}"] if len(names) > 1 else []
    owners = {each.values.get("PBX_IP_ADDRESS", "") for each in _saved(snapshot)} - {""}
    if len(owners) > 1:
        wrong.append(f"saved configurations of several PBXs: {', '.join(sorted(owners))}")
    wrong += _foreign(snapshot, wish, owners)
    return f"{snapshot.server.name}: {'; '.join(wrong)}" if wrong else None


def _foreign(snapshot: Snapshot, wish: Wish, owners: set[str]) -> list[str]:
    """A recorded PBX that is neither the wished address nor what the PBX calls itself."""
    own = [a for a in (wish.pbx_address, snapshot.pbx.private_address, snapshot.pbx.public_address) if a]
    own += [(snapshot.script.variables or {}).get("vip", "")]
    other = sorted(a for a in owners if not any(a == mine or same(a, mine) for mine in own))
    return [f"installed for the PBX {', '.join(other)}"] if len(owners) == 1 and other else []


@rule(
    "host.password-record",
    hint="Put the ClickHouse password back under [dataflow] in dataflow/system.ini; without it the script "
    "takes an empty or a wrong one, and the data cannot be read.",
    guide=DEPLOY,
)
def password_record(snapshot: Snapshot, wish: Wish) -> str | None:
    """The above operations do not affect or erase existing analytics data (if its password is recorded)."""
    file = f"{_plain(wish.data_path)}/dataflow/system.ini"
    there = snapshot.password_file
    if there is None and snapshot.password_recorded is None:
        raise Unknown(f"whether {file} on {snapshot.server.name} holds a password")
    if there is False or snapshot.password_recorded:
        return None
    recorded = known(snapshot.password_recorded, f"whether {file} on {snapshot.server.name} holds a password")
    return None if recorded else f"{snapshot.server.name}: {file} holds no password"


RULES = (
    docker_unusable,
    docker_absent,
    data_path_differs,
    mount_differs,
    shared,
    password_record,
)
