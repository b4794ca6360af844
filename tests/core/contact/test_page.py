"""The page and the proposed fields: what was found, what a person has to say, and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from flows.core.contact.page import markdown, summary
from flows.core.contact.proposal import agreed, proposal
from flows.core.snapshot import SavedParameters
from tests.blocks.block_schemas import models
from tests.core.contact.sights import WRITER, control, pbx, seen, server


def fields(**known: Any) -> dict[str, tuple[str, str]]:
    """Title -> value and why."""
    return {field.title: (field.value, field.why) for field in proposal(seen(**known))}


def test_the_fields_are_those_of_the_block() -> None:
    """By the titles of its form, so that nobody has to search."""
    block = next(model for model in models() if model.__name__ == "DataFlowCluster")
    titles = {field.title for field in block.model_fields.values()}
    named = {part for title in fields() for part in title.split(", ")}
    assert named - titles == set()


def test_what_was_found_is_proposed_with_its_sources() -> None:
    """From the saved parameters, the containers, vars.yml and the PBX."""
    found = fields()
    assert found["Data path (-p)"] == ("/var/lib/portsip", ".configure_dataflow, mounts")
    assert found["Private address (-a)"] == ("192.168.1.26", ".configure_dataflow, its container")
    assert found["PBX address for the server"] == ("192.168.1.20", "the PBX, vip of vars.yml, its container")
    assert found["PBX ports"] == ("8887, 4222", "as the form has it; connected now: 4222, 8887")
    assert "192.168.1.22: ssh-ed25519 AAAA; 192.168.1.23: no key (timed out)" in found["Other PBX nodes"][0]
    assert [title for title, (value, _) in found.items() if not value] == [
        "Cluster name",
        "Calls per day, Retention (days)",
        "Maintenance window",
        "Data device",
    ]


def test_sources_that_differ_are_left_to_a_person() -> None:
    """With both values: choosing one of them would be a guess."""
    other = SavedParameters("/opt/x/.configure_dataflow", {"DATA_PATH": "/data", "PRI_IP_ADDRESS": "192.168.1.27"})
    found = fields(server=server(saved=(other,)))
    assert found["Data path (-p)"] == ("", "they differ: /data (.configure_dataflow), /var/lib/portsip (mounts)")
    assert agreed(("", "a"), ("x", "b"), ("x", "c")) == ("x", "b, c")


def test_nothing_is_guessed_behind_shut_doors() -> None:
    """Every field of them is a person's, and the page still tells the rest."""
    found = fields(pbx=None, control=None, server=None)
    assert {title for title, (value, _) in found.items() if value} == {"PBX ports"}
    page = markdown(seen(control=None))
    assert "| pbx01 | here | not seen: no route to host |" in page
    assert "## pbx01" not in page
    assert "## Data Flow server" in page
    assert summary(seen(control=None)).startswith("2 of 3 doors opened (shut: pbx01); PBX 22.8.0; ")


def test_a_server_without_the_service_proposes_its_only_address() -> None:
    """Before the first install nothing is saved and no container runs."""
    bare = server(saved=(), clickhouse=None, dataflow=None, data_path="", database=None, connections=())
    found = fields(server=bare)
    assert found["Private address (-a)"] == ("192.168.1.26", "the only one that the server has")
    assert found["Data path (-p)"] == ("", "not seen")


def test_the_page_says_at_its_top_what_it_holds_and_tells_no_secret() -> None:
    """Values of vars.yml, the token in the container's command, the values of saved parameters."""
    page = markdown(seen())
    assert page.split("\n\n")[1].startswith("**Read this before you send it to anyone.**")
    for secret in ("hunter2", "2.SECRETTOKEN"):
        assert secret not in page
    assert "hub_password" in page
    assert "`/usr/local/bin/dataflow serve -a 192.168.1.20 -x 192.168.1.26 -t …`" in page
    assert "| `/api/im`, `/api/sbc` | 404 |" in page
    assert len(page.splitlines()) < 160


def test_a_port_that_is_used_and_not_in_the_form_is_added() -> None:
    """None is taken away: a connection may be there now and then only."""
    assert fields(server=server(connections=(4222, 5432)))["PBX ports"][0] == "8887, 4222, 5432"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"pbx": pbx(enough_rights=False)}, "**not enough** for Data Flow: SystemAdmin"),
        ({"control": control(ha_text="", ha_verb="")}, "HA status: not seen: ha_ctl.sh was not read"),
        ({"control": control(ha_text="x\n" * 70)}, "… 10 more lines"),
        ({"control": control(variables=None)}, "| Keys of vars.yml | not read |"),
        ({"server": server(strangers=2)}, "2: every change would be refused"),
        ({"server": server(database=None, database_trouble="no password")}, "Not seen: no password"),
        ({"server": server(saved=None)}, "not seen: the folders could not be searched"),
        ({"server": server(dataflow=None, clickhouse=None)}, "No container of the service was seen."),
    ],
)
def test_what_is_unknown_is_said(known: dict[str, Any], said: str) -> None:
    """In the place where it would stand."""
    assert said in markdown(seen(**known))


def test_a_public_address_of_the_server_is_not_shown() -> None:
    """It is left to the person, who knows it."""
    writer = WRITER.__class__(**{**vars(WRITER), "command": (*WRITER.command, "-z", "8.8.8.8")})
    assert "8.8.8.8" not in markdown(seen(server=server(dataflow=writer)))
