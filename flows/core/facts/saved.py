"""What an earlier installation left on the server: its saved parameters and ClickHouse's password record."""

from __future__ import annotations

import json
import re
import shlex

from flows.core.facts.question import Answers, Question, read
from flows.core.restore_point import RestorePoint, from_marker
from flows.core.snapshot import SavedParameters

_SEARCH = (
    "if sudo -n true 2>/dev/null; then echo 'searched as root'; s='sudo -n'\n"
    "else echo 'searched as user'; s=; fi\n"
    "$s find /opt /root /home -maxdepth 5 -name .configure_dataflow 2>/dev/null | "
    'while IFS= read -r f; do echo "saved-file $f"; $s cat "$f"; echo; done'
)
_KEY = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")


def server_questions(data_path: str) -> tuple[Question, ...]:
    """What only the Data Flow server is asked; the password itself is counted, never read."""
    record = shlex.quote(f"{data_path.rstrip('/')}/dataflow/system.ini")
    points = shlex.quote(f"{data_path.rstrip('/')}/.dataflow-restore")
    whole = r"-name point.json ! -path '*.new/*' ! -path '*.gone/*' ! -path '*.back/*' -exec cat {} +"
    return (
        Question("saved", _SEARCH),
        Question("password", f"sudo -n grep -c '^password *= *.' {record}", errors=True),
        Question(
            "restore-points",
            f"sudo -n true && if sudo -n test -d {points}\n"
            f"then sudo -n find {points} -mindepth 2 -maxdepth 2 {whole}; fi",
        ),
    )


def parse_configuration(text: str) -> dict[str, str]:
    """`KEY=value` lines, with or without quotes; the last one of a key counts, as in a shell."""
    lines = (match for line in text.splitlines() if (match := _KEY.match(line)))
    return {match.group(1): match.group(2).strip("\"'") for match in lines}


def parse_saved(text: str) -> tuple[SavedParameters, ...] | None:
    """Every saved configuration; None when nothing was found but not everything could be searched."""
    head, *files = re.split(r"^saved-file ", text, flags=re.MULTILINE)
    found = tuple(
        SavedParameters(part.splitlines()[0], parse_configuration("\n".join(part.splitlines()[1:]))) for part in files
    )
    return found if found or "searched as root" in head else None


def restore_points(answers: Answers, data_path: str) -> tuple[RestorePoint, ...] | None:
    """The whole restore points, each one line of JSON; None: could not be looked for, or one cannot be read."""

    def parse(text: str) -> tuple[RestorePoint, ...]:
        return tuple(from_marker(json.loads(line), data_path) for line in text.splitlines() if line.strip())

    return read(answers, "restore-points", parse)


def saved_parameters(answers: Answers) -> tuple[SavedParameters, ...] | None:
    """The saved configurations; None: could not be searched."""
    return read(answers, "saved", parse_saved)


def password_record(answers: Answers) -> tuple[bool | None, bool | None]:
    """Whether `system.ini` is there, and whether it holds a password; None for what is not known."""
    code, text = answers.get("password", (-1, ""))
    if "No such file" in text:
        return False, None
    last = (text.split() or [""])[-1]
    return (True, int(last) > 0) if code in (0, 1) and last.isdigit() else (None, None)
