"""The parameters that the forms of all changes share: titles that read well, and limits checked before a run starts.

Prefect makes a title of the parameter's name and keeps no other but one given for the JSON schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from blocks.cluster import DataFlowCluster
from flows.core.change import OutsideWindow
from flows.core.preflight import Rule, may_be_lowered


def titled(title: str, **limits: Any) -> Any:
    """A field with this title in the form, and these limits."""
    return Field(json_schema_extra={"title": title}, **limits)


def lowerable(*rules: Rule, others: Iterable[str] = ()) -> Any:
    """The field of findings that shall only warn: a list of the ids that these rules have and that may be lowered.

    `others` are ids of findings that no rule makes. The form offers them and the server refuses any other. In Python
    it stays a list of words: who calls a flow himself is told of a slip in the report.
    """
    return several("Lowered findings", sorted({*may_be_lowered(*rules), *others}))


def several(title: str, words: Iterable[str]) -> Any:
    """The field of a list of some of these words: the form offers them, and the server refuses any other."""
    return Field(json_schema_extra={"title": title, "items": {"type": "string", "enum": [str(word) for word in words]}})


Cluster = Annotated[DataFlowCluster, titled("Cluster")]
RequestedBy = Annotated[str, titled("Requested by", min_length=1, pattern=r"\S")]
Ticket = Annotated[str, titled("Ticket")]
DryRun = Annotated[bool, titled("Dry run")]
RequireApproval = Annotated[bool, titled("Wait for approval")]
Outside = Annotated[OutsideWindow, titled("Outside the maintenance window")]
OnFailure = Annotated[Literal["recover", "stop"], titled("When it fails half way")]
Deep = Annotated[bool, titled("Compare contents too")]
KeepDays = Annotated[int, titled("Keep restore points (days)", ge=0)]
RequireRehearsal = Annotated[int, titled("Require a rehearsal (days)", ge=0)]
NewToken = Annotated[bool, titled("New token")]
Confirm = Annotated[str, titled("Confirm by the cluster's name")]
