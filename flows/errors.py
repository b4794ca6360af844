"""What a run can end as, on top of what a system can answer.

DataFlowError            (blocks.errors: where, what was tried, what came back, what to do next)
├── Unreachable, AccessDenied, CommandFailed, APIError
├── ChangeLocked         another change holds the cluster: holder, since, how to release
├── ScriptFailed         the vendor's script failed: exit code, run folder, what brings the service back
├── ScriptStillRunning   our waiting ended, the script did not: pid, log, how to attach
├── PreflightFailed      the findings that refuse the change
└── VerificationFailed   what was not as it should be after the change
"""

from __future__ import annotations

from blocks.errors import AccessDenied, APIError, CommandFailed, DataFlowError, Unreachable
from flows.core.proof import Proof
from flows.core.script import Transcript

__all__ = [
    "APIError",
    "AccessDenied",
    "ChangeLocked",
    "CommandFailed",
    "DataFlowError",
    "PreflightFailed",
    "ScriptFailed",
    "ScriptStillRunning",
    "Unreachable",
    "VerificationFailed",
]


class ChangeLocked(DataFlowError):
    """Another change holds this cluster."""


class ScriptFailed(DataFlowError):
    """The vendor's script ended badly; `transcript` is what was read of it, if any."""

    transcript: Transcript | None = None


class ScriptStillRunning(DataFlowError):
    """We stopped waiting for the vendor's script; it goes on by itself. `transcript` is what was read of it so far."""

    transcript: Transcript | None = None


class PreflightFailed(DataFlowError):
    """At least one finding refuses the change; nothing was changed."""


class VerificationFailed(DataFlowError):
    """The change was made, but what we saw afterwards is not what it should be; `proof` holds the verdict, if any."""

    def __init__(self, where: str, tried: str, answer: str, hint: str, proof: Proof | None = None) -> None:
        super().__init__(where, tried, answer, hint)
        self.args = (where, tried, answer, hint, proof)
        self.proof = proof
