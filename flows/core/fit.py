"""Whether pulled images fit what they shall replace: the PBX's release, and for a recreate the very same images."""

from __future__ import annotations

from flows.core.change_state import Image, Images
from flows.core.findings import Finding, Level

GUIDE = "Upgrade"

PBX_UPGRADED = "PBX upgraded"
"""The one reason for a recreate for which the image may be another one: the PBX's tag has moved on with it."""

FINDINGS = {"upgrade.image-version": Level.ERROR, "recreate.image-moved": Level.ERROR}
"""What can be found out about the images only once they were pulled."""


def release(version: str) -> str:
    """The first three numbers of a version: `22.8.0.2104` is release 22.8.0; "" when there are fewer."""
    parts = version.strip().split(".")
    return ".".join(parts[:3]) if len(parts) >= 3 and all(part.isdigit() for part in parts[:3]) else ""


def misfits(same_as: Images | None, new: Images, pbx_version: str | None) -> tuple[Finding, ...]:
    """What speaks against going on with these images, as findings; `same_as` are those that they have to be, if any."""
    found = (_release(new.pbx, pbx_version), *_moved(same_as, new))
    return tuple(finding for finding in found if finding is not None)


def _release(image: Image, pbx_version: str | None) -> Finding | None:
    wanted, got = release(pbx_version or ""), release(image.version)
    if wanted and wanted == got:
        return None
    said = f"the PBX runs {pbx_version or 'an unknown version'}, {image.reference} is {image.version or 'not labelled'}"
    hint = "Upgrade the PBX cluster first, then Data Flow with the image of the same release (-i in the block)."
    return Finding("upgrade.image-version", Level.ERROR, said, hint, GUIDE)


def _moved(old: Images | None, new: Images) -> tuple[Finding | None, ...]:
    if old is None:
        return ()
    pairs = ((old.pbx, new.pbx), (old.clickhouse, new.clickhouse))
    return tuple(_other(before, after) for before, after in pairs if before.id != after.id)


def _other(before: Image, after: Image) -> Finding:
    said = f"{after.reference} now means {after.id[:19]} (version {after.version or 'not told'}), "
    said += f"the service runs {before.id[:19]} (version {before.version or 'not told'})"
    hint = "The script would take the newer one: that is an upgrade. Use upgrade-data-flow."
    return Finding("recreate.image-moved", Level.ERROR, said, hint, "Operational Notes")
