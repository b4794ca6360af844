"""How a line gets to the audit log on the control node: read its end, make the line, append it if nothing came between.

Two runs can end at the same moment, also those of two workers. The log only grows, so its size tells whether it is
still the one that was read; the look and the append are made under a lock of their own, which is held for an instant.
"""

from __future__ import annotations

import re
import shlex

from flows.core.audit.chain import Head

OTHER = 45
"""Exit code of `append_command` when the log has another size than expected: read its end again."""

END = 262_144
"""Bytes of the log that are read for its last line; a record is some thousands."""

_BEGINNING = 120
"""Characters of a line that hold its hash and its number."""


def end_command(path: str, most: int = END) -> str:
    """Prints the log's size on a line of its own, then its last bytes; an absent log has size 0."""
    log = shlex.quote(path)
    return f"""
[ -e {log} ] || {{ echo 0; exit 0; }}
exec 9>{log}.guard && flock -s -w 10 9 || exit 1
stat -c %s {log} && tail -c {int(most)} {log}
"""


def parse_end(answer: str) -> tuple[int, str]:
    """Size and end of the log; raises `ValueError` for anything else."""
    size, _, end = answer.partition("\n")
    return int(size), end


def last_command(path: str) -> str:
    """Prints how the last line begins, and the SHA-256 that it has: its head, without a lock and without its record."""
    log = shlex.quote(path)
    return f"tail -n 1 {log} | cut -c 1-{_BEGINNING}; tail -n 1 {log} | cut -c 66- | tr -d '\\n' | sha256sum"


def parse_last(answer: str) -> Head | None:
    """The head; None where the last line is not whole, because it is just being written or a writer was interrupted."""
    found = re.match(r'([0-9a-f]{64}) \{"number":(\d+),.*\n\1 ', answer)
    return Head(int(found[2]), found[1]) if found else None


def read_command(path: str) -> str:
    """Prints the whole log, and nothing for an absent one; never half of a line that is just being written."""
    log = shlex.quote(path)
    return f"""
[ -e {log} ] || exit 0
exec 9>{log}.guard && flock -s -w 10 9 || exit 1
cat {log}
"""


def append_command(path: str, size: int, line: str) -> str:
    """Appends standard input, which is this line, to the log if that has this size; nothing at all where it was cut.

    The line is on the disk when it says so. A full disk leaves half a line; what was there before stays in any case.
    """
    log, length = shlex.quote(path), len(line.encode())
    return f"""
umask 077; exec 9>{log}.guard && flock -w 10 9 || exit 1
new=$(mktemp {log}.XXXXXX) || exit 1
trap 'rm -f "$new"' EXIT
cat > "$new" && [ "$(stat -c %s "$new")" = {length} ] || exit 1
found=0; if [ -e {log} ]; then found=$(stat -c %s {log}) || exit 1; fi
[ "$found" = {int(size)} ] || exit {OTHER}
cat "$new" >> {log} && sync {log}
"""
