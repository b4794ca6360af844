"""What an unknown shell script offers, read from its text; it is never run.

The vendor's `dataflow.sh` is not published: verbs, option letters and what it works with are found by their form. What
is told of it are words of its own: no value of a variable, no line as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flows.core.facts.script import GETOPT, GETOPTS, TESTED, VERBS

_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
_CASE = re.compile(r"\bcase\s+(\S+)\s+in\b")
_NEXT = re.compile(r"\bcase\s+\S+\s+in\b|\besac\b|;;&?|;&")
_ONE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^()\s;|"']+)"""
_LABEL = re.compile(rf"\s*\(?\s*({_ONE}(?:\s*\|\s*{_ONE})*)\s*\)")
_WORD = re.compile(r"-{0,2}[A-Za-z][\w-]*")
_FUNCTION = re.compile(r"^[ \t]*(?:function\s+([\w-]+)\s*(?:\(\))?|([\w-]+)\s*\(\))\s*\{?", re.MULTILINE)
_IMAGE = re.compile(r"\bportsip/[a-z]+:[\w.-]*\w")
_PLACE = re.compile(r"(?<![\w$}/.])/(?:opt|var|etc)(?:/[\w.-]+)+")

LONGEST_LABEL = 400
"""Characters in which the label of a case has to stand, so that no text can make the reading slow."""
MENTIONS = {
    "Ansible": r"\bansible(?:-playbook)?\b",
    "ssh": r"(?<![\w/.-])ssh\s",
    "scp or rsync": r"(?<![\w/.-])(?:scp|rsync)\s",
    "sudo": r"(?<![\w/.-])sudo\s",
    "a lock (flock)": r"\bflock\b",
    "a question to the terminal": r"\bread\s+-\w*p|/dev/tty",
    "docker compose": r"\bdocker[ -]compose\b",
    "down -v": r"\bdown\s+-v\b",
    "docker image prune": r"\bimage\s+prune\b",
    "docker login": r"\bdocker\s+login\b",
    "a firewall": r"\b(?:firewall-cmd|ufw|iptables|nft)\b",
    "apt": r"(?<![\w/.-])apt(?:-get)?\s",
    "systemctl": r"\bsystemctl\b",
    "exit -1": r"\bexit\s+-1\b",
    "a saved configuration": r"\.configure_dataflow\b",
    "vars.yml": r"\bvars\.yml\b",
}
"""What the flows depend on, and the form in which a script speaks of it."""


@dataclass(frozen=True)
class Script:
    """The words of a script: `options` has, for each getopts, the function around it ("" outside) and its letters."""

    verbs: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]  # options that are labels of a case: -p, --path
    images: tuple[str, ...]
    places: tuple[str, ...]
    mentions: tuple[tuple[str, int], ...]  # what, and on how many lines
    lines: int

    @property
    def letters(self) -> str:
        """Every option letter, whichever form it has."""
        found = {letter for _, text in self.options for letter in text if letter.isalpha()}
        found |= {label[1] for label in self.labels if re.fullmatch("-[A-Za-z]", label)}
        return "".join(sorted(found))

    def of_verb(self, verb: str) -> str:
        """The letters of the getopts in the function that is named after this verb, as written; "" where none is."""
        return next((text for function, text in self.options if verb in re.split(r"[\W_]+", function)), "")

    def mentioned(self, what: str) -> bool:
        """Whether it speaks of this."""
        return any(name == what for name, _ in self.mentions)


def read_script(text: str) -> Script:
    """Read a shell script's text; a form that is not known leaves its part empty."""
    text = _COMMENT.sub("", text)
    cases = [labels for _, labels in _cases(text)]
    words = tuple(dict.fromkeys(label for labels in cases for label in labels))
    lines = text.splitlines()
    return Script(
        verbs=_verbs(text, cases),
        options=tuple(_options(text)),
        labels=tuple(word for word in words if word.startswith("-")),
        images=tuple(dict.fromkeys(_IMAGE.findall(text))),
        places=tuple(dict.fromkeys(_PLACE.findall(text))),
        mentions=tuple(
            (name, count)
            for name, form in MENTIONS.items()
            if (count := sum(bool(re.search(form, line)) for line in lines))
        ),
        lines=len(lines),
    )


def _verbs(text: str, cases: list[list[str]]) -> tuple[str, ...]:
    """The labels of the case that knows two documented verbs or more, and words that the first one is compared with."""
    found = [labels for labels in cases if len(set(labels) & set(VERBS)) > 1]
    tested = [word for word in TESTED.findall(text) if len(word) > 1]
    words = [*(label for labels in found for label in labels), *(tested if set(tested) & set(VERBS) else ())]
    return tuple(dict.fromkeys(word for word in words if not word.startswith("-")))


def _options(text: str) -> Iterator[tuple[str, str]]:
    functions = [(found.start(), found.group(1) or found.group(2)) for found in _FUNCTION.finditer(text)]
    for found in sorted((*GETOPTS.finditer(text), *GETOPT.finditer(text)), key=lambda each: each.start()):
        inside = [name for start, name in functions if start < found.start()]
        yield (inside[-1] if inside else "", "".join(filter(None, found.groups())))


def _cases(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each `case … esac` with its labels, those inside another one too; a label that is a pattern is left out."""
    open_cases: list[tuple[str, list[str]]] = []
    place, label_next = 0, False
    while True:
        label = _LABEL.match(text, place, place + LONGEST_LABEL) if label_next and open_cases else None
        if label is not None:
            parts = [part.strip().strip("\"'") for part in label.group(1).split("|")]
            open_cases[-1][1].extend(part for part in parts if _WORD.fullmatch(part))
            place, label_next = label.end(), False
            continue
        found = _NEXT.search(text, place)
        if found is None:
            return
        place, label_next = found.end(), found.group() != "esac"
        if begun := _CASE.fullmatch(found.group()):
            open_cases.append((begun.group(1), []))
        elif found.group() == "esac" and open_cases:
            yield open_cases.pop()
