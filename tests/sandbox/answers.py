"""What the commands of a host answer: one file each below `<root>/answers`, editable while the host runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

_SESSION = re.compile(r"^\$ (?P<words>.*?)(?:  # exit (?P<code>\d+))?$")


class Answers(MutableMapping[str, str]):
    """Command words -> what it prints: `answers["uname -m"] = "aarch64\\n"`.

    The key is the whole command line or only the name (the whole one is looked for first; paths without the
    host's root). `sudo ss …` is the answer under sudo. Deleting a name's last answer makes it `command not found`.
    """

    def __init__(self, folder: Path, on_change: Callable[[str, bool], None]) -> None:
        folder.mkdir()
        self._folder, self._on_change = folder, on_change  # told the name, and whether it still has an answer

    def say(self, words: str, stdout: str = "", *, stderr: str = "", exit_code: int = 0) -> None:
        """Set all of an answer: what is printed on both streams, and the exit code."""
        self._path(words).write_text(stdout)
        for ending, value in ((".stderr", stderr), (".exit", str(exit_code) if exit_code else "")):
            if value:
                self._path(words, ending).write_text(value)
            else:
                self._path(words, ending).unlink(missing_ok=True)
        self._on_change(_name(words), True)

    def load(self, session: str) -> None:
        """Take the answers out of a written session: `$ command` (`  # exit N`), then what it prints."""
        entries: list[tuple[str, int, list[str]]] = []
        for line in session.splitlines():
            if match := _SESSION.match(line):
                entries.append((match["words"], int(match["code"] or 0), []))
            elif entries:
                entries[-1][2].append(line)
        for words, code, lines in entries:
            self.say(words, "".join(f"{line}\n" for line in lines), exit_code=code)

    def __getitem__(self, words: str) -> str:
        try:
            return self._path(words).read_text()
        except FileNotFoundError:
            raise KeyError(words) from None

    def __setitem__(self, words: str, stdout: str) -> None:
        self.say(words, stdout)

    def __delitem__(self, words: str) -> None:
        if words not in self:
            raise KeyError(words)
        for ending in ("", ".stderr", ".exit"):
            self._path(words, ending).unlink(missing_ok=True)
        self._on_change(_name(words), any(_name(other) == _name(words) for other in self))

    def __iter__(self) -> Iterator[str]:
        names = (p.name for p in self._folder.iterdir() if p.suffix not in (".stderr", ".exit"))
        return iter(sorted(name.replace("%2F", "/").replace("%25", "%") for name in names))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, words: str, ending: str = "") -> Path:
        return self._folder / (words.replace("%", "%25").replace("/", "%2F") + ending)


def _name(words: str) -> str:
    return words.removeprefix("sudo ").split()[0]
