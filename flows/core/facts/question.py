"""Many questions to one host as one shell text, and its output taken apart again.

Each answer stands between two lines with a mark that the shell makes up on the host (its process id and the
nanosecond), so that no command's output can be taken for one. Every question runs in a subshell of its own
without input: none can change, end or starve another.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Answers = Mapping[str, tuple[int, str]]

_HEAD = re.compile(r"^facts-mark (\S+)$", re.MULTILINE)
_START = """export LC_ALL=C
mark=$$-$(date +%N 2>/dev/null)
echo "facts-mark $mark"
"""


@dataclass(frozen=True)
class Question:
    """One command for a host; `name` is one word, `errors` keeps what it says on standard error."""

    name: str
    command: str
    errors: bool = False


def _block(question: Question) -> str:
    name = shlex.quote(question.name)
    errors = "2>&1" if question.errors else "2>/dev/null"
    return (
        f'printf "%s begin %s\\n" "$mark" {name}\n'
        f"( {question.command}\n) </dev/null {errors}\n"
        f'printf "\\n%s end %s %s\\n" "$mark" {name} "$?"\n'
    )


def ask(questions: Iterable[Question]) -> str:
    """Build the one shell text that asks everything; it always ends with exit code 0."""
    return _START + "".join(_block(question) for question in questions)


def split(output: str) -> dict[str, tuple[int, str]]:
    """Take the output apart: name -> (exit code, text); a question cut off half way is not in it."""
    head = _HEAD.search(output)
    if head is None:
        return {}
    mark = re.escape(head.group(1))
    pattern = re.compile(rf"^{mark} begin (\S+)\n(.*?)\n?^{mark} end \1 (\d+)$", re.MULTILINE | re.DOTALL)
    return {m.group(1): (int(m.group(3)), m.group(2)) for m in pattern.finditer(output)}


def read(answers: Answers, name: str, parser: Callable[[str], T], codes: tuple[int, ...] = (0,)) -> T | None:
    """Parse one answer; None when it is missing, has another exit code or cannot be read.

    Any exception of a parser means the same here: this host speaks a form that we do not know.
    """
    code, text = answers.get(name, (-1, ""))
    if code not in codes:
        return None
    try:
        return parser(text)
    except Exception:
        return None


def holds(answers: Answers, name: str) -> bool | None:
    """What a test said: 0 is yes, any other code no; 126 and above and no answer at all are unknown."""
    code = answers.get(name, (-1, ""))[0]
    if code < 0 or code in (126, 127):
        return None
    return code == 0
