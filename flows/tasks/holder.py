"""Asks Prefect about the flow run that holds a lock."""

from __future__ import annotations

from uuid import UUID

from prefect import get_client
from prefect.exceptions import ObjectNotFound

from flows.core.change import Holder


def holder_of(run: str) -> Holder:
    """What Prefect says of a flow run; it may belong to another Prefect server, which is not known here.

    Never raises: a refusal must not fail of the question who to blame.
    """
    try:
        number = UUID(run)
    except ValueError:
        return Holder("not a run of Prefect", None)
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(number).state
    except ObjectNotFound:
        return Holder("not known to this Prefect server", None)
    except Exception as error:  # whatever a client raises of a server that does not answer
        return Holder(f"Prefect did not answer ({type(error).__name__})", None)
    return (
        Holder("never scheduled", False) if state is None else Holder(state.name or state.type.value, state.is_final())
    )
