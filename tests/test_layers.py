"""The architecture, held by walking the imports: who may know whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REMOTE = ROOT / "flows" / "remote"
PACKAGES = ("flows", "blocks", "tests")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CHANGES = {
    "flows.install",
    "flows.upgrade",
    "flows.recreate",
    "flows.control",
    "flows.remove",
    "flows.rollback",
}
LOOKS = {"flows.health", "flows.audit", "flows.first_contact", "flows.reconcile", "flows.rehearse"}
PROGRAMS = {path.stem for path in REMOTE.glob("*.py")}
"""What lies side by side on a customer's host, and is imported there by its bare name."""

ENTRIES = CHANGES | LOOKS
"""The modules of the flows themselves; what they share is the spine, flows.change, and the tasks."""


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of the file, at any depth: line and dotted name; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from flows import install` names a module as well as `from flows.install import …` does.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def below(name: str, *packages: str) -> bool:
    """Whether the dotted name is one of the packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def standard(name: str) -> bool:
    """Whether the name belongs to the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def module_name(path: Path) -> str:
    """flows/core/plan.py -> flows.core.plan"""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def trespasses(path: Path) -> list[str]:
    """What the file imports against the rules."""
    here = module_name(path)
    found = []
    for line, name in imports(path):
        if name.startswith("."):
            found.append(f"line {line}: relative import of {name}")
        elif rule := broken_rule(here, name):
            found.append(f"line {line}: {name}: {rule}")
    return found


def broken_rule(here: str, name: str) -> str:
    """The rule that module `here` breaks by importing `name`, or ""."""
    if below(here, "flows.core") and not (standard(name) or below(name, "flows.core", "pandas")):
        return "flows.core knows the standard library, pandas and itself only"
    if below(here, "flows.remote") and not (standard(name) or below(name, "flows.remote", *PROGRAMS)):
        return "flows.remote runs on a customer's host, where only the standard library and its other programs are"
    if below(here, "blocks") and below(name, "flows"):
        return "blocks never know flows"
    if below(here, "flows", "blocks") and below(name, "tests"):
        return "nothing that is installed knows the tests"
    if below(here, "tests.sandbox") and below(name, "flows"):
        return "the sandbox speaks the wire and shares no parser with what it tests"
    if here in ENTRIES and below(name, *(ENTRIES - {here})):
        return "entry modules never import one another"
    return ""


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_layer_may_know(path: Path) -> None:
    """The layers of the design hold in every file."""
    assert trespasses(path) == []


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_file_stays_short_enough_to_be_read_in_one_go(path: Path) -> None:
    """No file has more than 250 lines."""
    assert len(path.read_text().splitlines()) <= 250


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without __init__.py would be left out of the installed package."""
    bare = {
        path.parent for path in MODULES if path.is_relative_to(ROOT / "flows") or path.is_relative_to(ROOT / "blocks")
    }
    assert [folder for folder in sorted(bare) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    ("here", "name"),
    [
        ("flows.core.plan", "prefect.flow"),
        ("flows.core.plan", "blocks.errors"),
        ("flows.core.plan", "flows.errors"),
        ("flows.remote.follow", "pandas"),
        ("blocks.ssh", "flows.core.findings"),
        ("flows.tasks.look", "tests.sandbox.world"),
        ("tests.sandbox.pbx", "flows.core.findings"),
        ("flows.upgrade", "flows.install.install_data_flow"),
    ],
)
def test_the_rules_see_a_trespass(here: str, name: str) -> None:
    """Each rule refuses an import that it is there to refuse."""
    assert broken_rule(here, name)


@pytest.mark.parametrize(
    ("here", "name"),
    [
        ("flows.core.plan", "hashlib"),
        ("flows.core.report", "pandas"),
        ("flows.tasks.look", "blocks.ssh.SshHost"),
        ("flows.install", "flows.change.run"),
        ("flows.install", "flows.installation"),
        ("tests.flows.test_install", "flows.install"),
    ],
)
def test_the_rules_let_the_layers_work(here: str, name: str) -> None:
    """What the design foresees is allowed."""
    assert not broken_rule(here, name)
