"""The state of a change as text: what is written comes back, also from older versions, and never from newer ones."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows.core.change_state import ChangeState, Image, Images, Phase, as_json, from_json

OLD = Images(
    Image("portsip/pbx:22.3.0", "sha256:a", "portsip/pbx@sha256:1", "22.3.0"),
    Image("portsip/clickhouse:24.8", "sha256:b", "", "24.8.1"),
)
FULL = ChangeState(
    "run-1",
    "upgrade",
    "prod",
    "192.168.1.26:/var/lib/portsip p c",
    Phase.KEPT,
    ("run-1", "run-2"),
    "2026-11-22 17:00:00+00:00",
    "anna",
    "T-1",
    "new version",
    {"DATA_PATH": "/var/lib/portsip"},
    OLD,
    replace(OLD, clickhouse=replace(OLD.clickhouse, id="sha256:c")),
    "point-1",
    1764000000.5,
    1764000060.0,
    "stop",
    "it failed: so für 5 €",
    "OK",
    "a note",
)


@pytest.mark.parametrize("state", [FULL, ChangeState("run-1", "install", "prod", "t")])
def test_a_state_comes_back_as_it_was(state: ChangeState) -> None:
    """All of it, with its types: phases, tuples and images."""
    assert from_json(as_json(state)) == state


def test_what_an_older_version_did_not_write_has_its_default() -> None:
    """Four values make a change; a run of yesterday's version can be settled by today's."""
    text = json.dumps({"id": "run-1", "kind": "upgrade", "cluster": "prod", "target": "t"})
    assert from_json(text) == ChangeState("run-1", "upgrade", "prod", "t")


NOT_UNDERSTOOD: list[tuple[dict[str, object], str]] = [
    ({"pinned_by": "x"}, "newer version of these flows wrote it .*pinned_by.*update this worker"),
    ({"version": 2}, "newer version of these flows wrote it .format 2"),
    ({"old": {"pbx": {"reference": "r"}, "clickhouse": None}}, "Image has missing or unknown fields: digest, id"),
    ({"new": {"pbx": None}}, "there is no Image in it"),
    ({"phase": "half"}, "half"),
    ({"on_failure": "panic"}, "'panic', which is neither recover nor stop"),
]


def test_what_cannot_be_understood_is_refused_in_words() -> None:
    """Nothing is dropped or guessed: what a newer version added may be what must not be overlooked."""
    for changed, said in NOT_UNDERSTOOD:
        with pytest.raises(ValueError, match=said):
            from_json(json.dumps({**json.loads(as_json(FULL)), **changed}))


def test_a_text_that_is_no_state_is_refused() -> None:
    """Cut in the middle, or something else, or too little."""
    for text in (as_json(FULL)[:50], "[]", '{"id": "run-1"}'):
        with pytest.raises(ValueError, match=r"Unterminated|not the state|missing"):
            from_json(text)


def test_phases_follow_one_another() -> None:
    """Each has reached itself and those before it, and none behind it."""
    for number, phase in enumerate(Phase):
        assert [phase.reached(other) for other in Phase] == [place <= number for place in range(len(Phase))]


SHOWN: list[tuple[Image, str]] = [
    (OLD.pbx, "portsip/pbx@sha256:1"),
    (OLD.clickhouse, "sha256:b"),
    (Image("portsip/pbx:1", "", "", ""), "portsip/pbx:1"),
]


def test_an_image_is_named_so_that_no_moved_tag_can_change_it() -> None:
    """By digest; by id where it was never pulled; by tag only where nothing else is known."""
    for image, pinned in SHOWN:
        assert image.pinned == pinned
