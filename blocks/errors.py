"""The errors that a system's answer can become; each says where, what was tried, what came back, what next.

    DataFlowError
    ├── Unreachable      cannot connect, or no answer in time: the only one that tasks retry
    ├── AccessDenied     a password, key, token or host identity was refused: never retried
    ├── CommandFailed    exit code and last lines of a remote command
    └── APIError         method, path, status and message of an HTTP answer

`flows.errors` goes on with what a whole run can end as.
"""

from __future__ import annotations


class DataFlowError(Exception):
    """Something that an administrator has to know: where, what was tried, what came back, what to do next."""

    def __init__(self, where: str, tried: str, answer: str, hint: str) -> None:
        super().__init__(where, tried, answer, hint)
        self.where, self.tried, self.answer, self.hint = where, tried, answer, hint

    def __str__(self) -> str:
        return f"{self.where}: tried {self.tried}; got: {self.answer.rstrip('.')}. {self.hint}".strip()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Unreachable(DataFlowError):
    """The system could not be reached or did not answer in time."""


class AccessDenied(DataFlowError):
    """The system refused a password, key, token or right, or is not who it should be."""


class CommandFailed(DataFlowError):
    """A remote command ended with a non-zero exit code (`exit_code`; -1 when the link broke first)."""

    def __init__(self, where: str, tried: str, answer: str, hint: str, exit_code: int = -1) -> None:
        super().__init__(where, tried, answer, hint)
        self.args = (where, tried, answer, hint, exit_code)
        self.exit_code = exit_code


class APIError(DataFlowError):
    """An HTTP API answered with an error (`status`; 0 when there was none; `code`: the system's own number for it)."""

    def __init__(self, where: str, tried: str, answer: str, hint: str, status: int = 0, code: int = 0) -> None:
        super().__init__(where, tried, answer, hint)
        self.args = (where, tried, answer, hint, status, code)
        self.status, self.code = status, code
