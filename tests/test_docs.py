"""The documents against the code: nothing that a user needs is missing, and nothing is named that does not exist."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from prefect import Flow
from pydantic import SecretStr

import flows
from flows.core import numbers
from flows.core.preflight import RULES_INSTALL
from tests.blocks.block_schemas import models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MODELS = {model.__name__: model for model in models()}
NOT_A_NUMBER = {"STATE_FOLDER"}


def all_flows() -> dict[str, Flow[..., Any]]:
    """Every flow that a module directly in `flows` defines, by the name that the UI shows."""
    modules = [importlib.import_module(info.name) for info in pkgutil.iter_modules(flows.__path__, "flows.")]
    found = [thing for module in modules for thing in vars(module).values() if isinstance(thing, Flow)]
    return {flow.name: flow for flow in found}


def documented_numbers() -> dict[str, tuple[str, str]]:
    """Place -> (value, what happens on expiry) of the table in NUMBERS.md."""
    text = (ROOT / "flows" / "NUMBERS.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| `([^`|]+)` \| ([^|]+) \|$", text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| ", text, re.MULTILINE)) - 1, "a row is not in the form of the others"
    assert len({place for _, place, _ in rows}) == len(rows), "a number is listed twice"
    return {place: (value.strip(), end.strip()) for value, place, end in rows}


def shown(value: Any) -> str:
    """A number as the table prints it."""
    return ", ".join(f"{each:g}" for each in value) if isinstance(value, list) else f"{value:g}"


def value_of(place: str) -> Any:
    """The value in the code: the default of a block's field, or a constant of a module."""
    before, _, name = place.rpartition(".")
    if before in MODELS:
        return MODELS[before].model_fields[name].default
    return getattr(importlib.import_module(before), name)


def numbers_of_the_code() -> set[str]:
    """Every constant of numbers.py, and every field of a block that tells seconds, days or tries."""
    found = {f"flows.core.numbers.{name}" for name in vars(numbers) if name.isupper()}
    for name, model in MODELS.items():
        for field, told in model.model_fields.items():
            if field == "tries" or re.search(r"\((s|days)\)$", told.title or ""):
                found.add(f"{name}.{field}")
    return found - {f"flows.core.numbers.{name}" for name in NOT_A_NUMBER}


@pytest.mark.parametrize("place", documented_numbers())
def test_a_number_is_told_as_it_is(place: str) -> None:
    """With what happens when it is reached."""
    value, on_expiry = documented_numbers()[place]
    assert value == shown(value_of(place))
    assert on_expiry


def test_every_number_of_the_code_is_told() -> None:
    """Deadlines, pauses and retries; the table may tell more than these."""
    assert numbers_of_the_code() - documented_numbers().keys() == set()


def test_a_field_with_a_deadline_says_so_in_its_title() -> None:
    """Else the table above would not know of it."""
    untold = [
        f"{name}.{field}"
        for name, model in MODELS.items()
        for field, told in model.model_fields.items()
        if re.search(r"timeout|pause|_days|_age$|skew", field) and not re.search(r"\((s|days)\)$", told.title or "")
        if told.annotation is not SecretStr
    ]
    assert untold == []


@pytest.mark.parametrize("name", all_flows())
def test_the_readme_names_a_flow_and_each_of_its_parameters(name: str) -> None:
    """By the names that the UI shows."""
    assert f"`{name}`" in README
    assert [word for word in all_flows()[name].parameters.properties if f"`{word}`" not in README] == []


def test_the_documents_name_no_flow_that_does_not_exist() -> None:
    """What is planned is not offered."""
    verbs = "install|upgrade|recreate|remove|rollback|reconcile|rehearse|check|audit|control|start|stop|restart"
    pattern = re.compile(
        rf"\b(?:{verbs})(?:-[a-z]+)*-data-flow(?:-health)?\b|\b(?:data-flow-(?:health|audit)|first-contact)\b"
    )
    texts = {path.name: path.read_text() for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "prefect.yaml")}
    named = {(file, name) for file, text in texts.items() for name in pattern.findall(text)}
    assert {(file, name) for file, name in named if name not in all_flows()} == set()


def test_the_readme_names_both_kinds_of_deployment() -> None:
    """A name in front of a slash that is a flow's is a deployment's own: the form's, or that of a cluster."""
    named = {end for name in all_flows() for end in re.findall(rf"\b{name}/([a-z-]+)", README)}
    assert named == {"on-premises", "sandbox", "prod-eu"}


def test_the_readme_names_every_make_verb_and_no_other() -> None:
    """The few verbs that a person needs; `.venv/installed` is named where there is nothing else to do."""
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert (
        set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(re.findall(r"`[^`]+`|```.+?```", README, re.DOTALL)))) == verbs
    )


def test_the_readme_can_be_read_in_one_go() -> None:
    """At most 150 lines."""
    assert len(README.splitlines()) <= 150


def test_the_readme_quotes_the_measured_ratios() -> None:
    """Those of the whole benchmark as it was kept last, to two places."""
    found = json.loads((ROOT / "tests" / "bench" / "results.json").read_text())
    outcomes = {each["name"]: each["rounds"] for one in found.values() for each in one["outcomes"]}
    told = re.search(r"Measured side by side.+?by hand\.", README, re.DOTALL)
    assert told is not None
    compared = (
        ("health-10", "ours, one run for all", "ansible, the same with pipelining"),
        ("facts-100", "ours", "ssh ControlMaster, one command"),
        ("downtime-registry", "ours", "the script by hand"),
    )
    ratios = [
        median(outcomes[n][ours]["seconds"]) / median(outcomes[n][rival]["seconds"]) for n, ours, rival in compared
    ]
    assert re.findall(r"\d\.\d\d", told[0]) == [f"{ratio:.2f}" for ratio in ratios]


def test_the_readme_counts_the_rules_right() -> None:
    """Where it says how many there are."""
    assert set(re.findall(r"(\d+) rules", README)) == {str(len(RULES_INSTALL))}


def test_every_link_of_the_documents_leads_somewhere() -> None:
    """Files that are named as links are there."""
    for path in (ROOT / "README.md", *(ROOT / "flows").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
