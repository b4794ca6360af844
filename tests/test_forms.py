"""The forms that Prefect makes of the flows' parameters, as the UI gets them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.core.preflight import registered
from tests.test_docs import all_flows

CHANGES = {name for name in all_flows() if name.endswith("-data-flow")} - {
    "reconcile-data-flow",
    "audit-data-flow",
    "rehearse-upgrade-data-flow",
}
each = pytest.mark.parametrize("name", sorted(all_flows()))
each_change = pytest.mark.parametrize("name", sorted(CHANGES))


def form(name: str) -> dict[str, Any]:
    """The JSON schema of this flow's parameters."""
    schema: dict[str, Any] = all_flows()[name].parameters.model_dump()
    return schema


@each
def test_a_field_has_a_title_and_says_what_it_is_for(name: str) -> None:
    """No field may be nothing at all, which the UI shows as a second tab."""
    for word, field in form(name)["properties"].items():
        assert field["description"].endswith("."), word
        assert field["title"][0].isupper() and "_" not in field["title"], word
        assert "anyOf" not in field and "null" not in json.dumps(field), word


@each_change
def test_a_change_wants_a_name_before_anything_else_and_is_a_dry_run_at_first(name: str) -> None:
    """Prefect does not know who clicked; what is asked of every change stands in every form."""
    schema = form(name)
    fields = schema["properties"]
    first = [word for word in sorted(fields, key=lambda word: fields[word]["position"]) if word != "verb"]
    assert first[:3] == ["cluster", "requested_by", "ticket"]
    assert {"cluster", "requested_by"} <= set(schema["required"])
    assert fields["requested_by"]["minLength"] == 1
    assert fields["dry_run"]["default"] is True
    assert fields["require_approval"]["default"] is False
    assert fields["outside_window"]["enum"] == ["refuse", "postpone", "override"]


@pytest.mark.parametrize("name", sorted({*CHANGES, "check-data-flow-health"}))
def test_a_form_offers_the_findings_that_may_be_lowered(name: str) -> None:
    """By the ids that there are; what is fixed is not offered."""
    offered = form(name)["properties"]["lowered"]["items"]["enum"]
    assert offered == sorted(set(offered))
    assert ({"control.python", "host.sudo"} if name in CHANGES else {"health.disk-full"}) <= set(offered)
    assert [word for word in offered if word in registered() and not registered()[word].lowerable] == []
