"""The image registry of the sandbox: which references there are, what they hold, and how a pull can fail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class RemoteImage:
    """One image as the registry holds it; `kind` says which stand-in a container of it becomes."""

    reference: str
    kind: str  # "pbx" or "clickhouse"
    version: str
    layers: tuple[int, ...]  # sizes in bytes
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The image's id: the hash of what it holds."""
        return _hash("config", self.kind, self.version, *map(str, self.layers), *map(str, self.labels))

    @property
    def digest(self) -> str:
        """The digest of its manifest, by which a pull can be proven."""
        return _hash("manifest", self.id)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Twelve hexadecimal digits for each layer, as docker shows them; a shared base has the same name."""
        return tuple(
            _hash("layer", self.kind if n else "base", str(n), str(size))[7:19] for n, size in enumerate(self.layers)
        )

    @property
    def repository(self) -> str:
        """The reference without its tag."""
        return self.reference.rpartition(":")[0]


NEW_PBX, OLD_PBX = "22.8.0.2104", "22.3.4.1811"
"""What the tag `portsip/pbx:22` means today, and what it meant when the servers of the stories were installed."""


def pbx_image(version: str = NEW_PBX, reference: str = "portsip/pbx:22") -> RemoteImage:
    """The PBX image, which also holds Data Flow's program; each version has layers of its own above the base."""
    labels = (("product", "PBX"), ("version", version), ("maintainer", "sandbox"))
    build = 0 if version == NEW_PBX else sum(version.encode())
    own = (95 * MEGABYTE + build, 4 * MEGABYTE + build)
    return RemoteImage(reference, "pbx", version, (30 * MEGABYTE, 210 * MEGABYTE, *own), labels)


def clickhouse_image(version: str = "25.8") -> RemoteImage:
    """The ClickHouse image of one version, which runs the real engine."""
    layers = (30 * MEGABYTE, 160 * MEGABYTE, int(version.replace(".", "")) * 10_000)
    labels = (("com.clickhouse.build.version", version),)
    return RemoteImage(f"portsip/clickhouse:{version}", "clickhouse", version, layers, labels)


def _hash(*parts: str) -> str:
    return "sha256:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _older_images() -> list[RemoteImage]:
    return [pbx_image(OLD_PBX)]


def _default_images() -> dict[str, RemoteImage]:
    images = (pbx_image(), clickhouse_image("25.8"), clickhouse_image("24.8"))
    return {image.reference: image for image in images}


@dataclass
class Registry:
    """The images that can be pulled, the login that is asked for (none without `user`), and the faults."""

    images: dict[str, RemoteImage] = field(default_factory=_default_images)
    older: list[RemoteImage] = field(default_factory=_older_images)  # without a tag, but still there by digest
    user: str = ""
    password: str = ""
    refuse: bool = False  # connections are refused
    unauthorized: bool = False  # every login is refused
    fail_after: int | None = None  # the transfer breaks after so many percent
    full_disk: bool = False  # the engine has no room to unpack the last layer
    seconds: float = 0.2  # how long a whole pull takes
    freeze_after: int | None = None  # the transfer says nothing any more after so many percent
    pulls: list[str] = field(default_factory=list)  # every reference that was asked for
    logins: list[str] = field(default_factory=list)  # the user of every login that was tried

    def publish(self, image: RemoteImage) -> None:
        """Put an image under its reference; a tag that is there already moves on, its image stays by digest."""
        if image.reference in self.images:
            self.older.append(self.images[image.reference])
        self.images[image.reference] = image

    def find(self, reference: str) -> RemoteImage | None:
        """The image under `name:tag` or `name@digest`; a registry's address in front does not matter."""
        name = without_address(reference)
        if "@" in name:
            repository, digest = name.split("@", 1)
            known = (*self.images.values(), *self.older)
            found = (i for i in known if i.digest == digest and i.repository == repository)
            return next(found, None)
        return self.images.get(name)

    def refuses(self, user: str, password: str) -> bool:
        """Whether this login (an empty user: none) may not pull."""
        if user:
            self.logins.append(user)
        if self.unauthorized:
            return True
        return bool(self.user) and (user, password) != (self.user, self.password)


def without_address(reference: str) -> str:
    """The reference without a registry's address in front: `host:5000/portsip/pbx:22` is `portsip/pbx:22`."""
    first, slash, rest = reference.partition("/")
    addressed = slash and ("." in first or ":" in first or first == "localhost")
    name = rest if addressed else reference
    return name if "@" in name or ":" in name else f"{name}:latest"
