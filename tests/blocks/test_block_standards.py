"""Every block against Prefect's own standards, and against ours for its form, its secrets and its future."""

from __future__ import annotations

import json
import types
import typing
from copy import deepcopy
from typing import Any

import httpx
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import BaseModel, SecretStr, ValidationError

from blocks.clickhouse import ClickHouse
from blocks.cluster import DataFlowCluster
from blocks.docker_host import DockerHost
from blocks.pbx import PbxApi
from blocks.ssh import SshHost
from tests.blocks.block_schemas import BLOCKS, FILE, RENEW, Schemas, breaking, is_secret, models, schemas
from tests.blocks.pbx_support import block_for
from tests.sandbox.pbx import Pbx
from tests.sandbox.prefect_server import ask
from tests.sandbox.saved_blocks import schemas_made_once

MODELS = tuple(models())
FIELDS = [(model, name) for model in MODELS for name in model.model_fields]
each_field = pytest.mark.parametrize(("model", "name"), FIELDS, ids=[f"{m.__name__}.{n}" for m, n in FIELDS])


class TestPrefectsStandards(BlockStandardTestSuite):
    """Prefect's suite, for all of them."""

    @pytest.fixture(params=BLOCKS, ids=lambda block: block.__name__)
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """The block under test."""
        kind: type[Block] = request.param
        return kind


@each_field
def test_a_field_suits_a_form(model: type[BaseModel], name: str) -> None:
    """A title of its own, a purpose in whole sentences, no "or None", which the form shows as a broken tab."""
    field = model.model_fields[name]
    assert field.title
    assert field.description and field.description.endswith(".")
    assert typing.get_origin(field.annotation) not in (typing.Union, types.UnionType)


@each_field
def test_a_field_that_sounds_secret_is_one(model: type[BaseModel], name: str) -> None:
    """What is called a password, a passphrase or a private key never stands in clear."""
    sounds_secret = any(word in name for word in ("password", "passphrase", "private_key", "secret"))
    assert is_secret(model.model_fields[name].annotation) is sounds_secret


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_unknown_setting_is_refused_without_repeating_what_was_entered(model: type[BaseModel]) -> None:
    """A typo is not silently ignored, and a validation error quotes no secret."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"pasword": "s3cret-s3cret"})
    assert "pasword" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def secret_paths(model: type[BaseModel], before: str = "") -> set[str]:
    """Dotted names of every secret below a model."""
    found = set()
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *typing.get_args(field.annotation)):
            if is_secret(kind):
                found.add(f"{before}{name}")
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= secret_paths(kind, f"{before}{name}.")
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_prefect_knows_every_secret_of_a_block(block: type[Block]) -> None:
    """What is not in this list would be stored and shown in clear."""
    assert set(block.model_json_schema()["secret_fields"]) == secret_paths(block)


def filled() -> DataFlowCluster:
    """A cluster whose every secret has a value that can be searched for; its parts are saved, as the UI does it."""
    host = {"password": "S3CRET-a", "private_key": "S3CRET-b", "passphrase": "S3CRET-c", "sudo_password": "S3CRET-d"}
    parts = {
        "control": SshHost.model_validate({"host": "c", **host}),
        "server": SshHost.model_validate({"host": "s", **host}),
        "pbx": PbxApi(host="p", password=SecretStr("S3CRET-e")),
        "docker": DockerHost(registry_password=SecretStr("S3CRET-f")),
        "clickhouse": ClickHouse(password=SecretStr("S3CRET-g")),
    }
    for name, part in parts.items():
        part.save(f"masked-{name}", overwrite=True)
    return DataFlowCluster(name="masked", **parts)  # type: ignore[arg-type]


def test_the_api_masks_every_secret_of_a_saved_cluster(prefect_server: str) -> None:
    """Whoever may read the API, as the UI does, sees no secret; a flow that loads the block gets them all."""
    with schemas_made_once():
        filled().save("masked-cluster", overwrite=True)
    with httpx.Client(base_url=prefect_server, timeout=120) as http:
        shown = ask(http, "GET", "/block_types/slug/data-flow-cluster/block_documents/name/masked-cluster", None)
    assert shown.status_code == 200
    assert "S3CRET" not in shown.text
    data: dict[str, Any] = shown.json()["data"]
    for path in secret_paths(DataFlowCluster):
        value: Any = data
        for word in path.split("."):
            value = value[word]
        assert set(value) == {"*"}, path
    loaded = DataFlowCluster.load("masked-cluster")
    assert isinstance(loaded, DataFlowCluster)
    assert loaded.server.sudo_password.get_secret_value() == "S3CRET-d"


def test_blocks_that_are_saved_already_go_on_working() -> None:
    """No field is removed, renamed or of another type, and no new one has to be filled in."""
    assert breaking(json.loads(FILE.read_text()), schemas()) == []


def test_the_list_of_fields_is_up_to_date() -> None:
    """A new field, or another default, is meant and stands in the list for the next comparison."""
    assert json.loads(FILE.read_text()) == json.loads(json.dumps(schemas())), f"if this is meant, renew it: {RENEW}"


OLD: Schemas = {"Host": {"host": {"type": "str", "required": True}, "port": {"type": "int", "default": 22}}}


def changed(**fields: dict[str, Any] | None) -> Schemas:
    """The old fields with some replaced, added or (None) removed."""
    new = deepcopy(OLD)
    new["Host"] = {name: told for name, told in {**new["Host"], **fields}.items() if told is not None}
    return new


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed(port=None), "Host.port is gone"),
        (changed(port=None, ssh_port={"type": "int", "default": 22}), "Host.port is gone"),
        (changed(user={"type": "str", "required": True}), "Host.user is new and required"),
        (changed(port={"type": "str", "default": "22"}), "Host.port was int and is str"),
        (changed(port={"type": "int", "required": True}), "Host.port has lost its default"),
        ({}, "Host.host is gone"),
    ],
)
def test_what_breaks_a_saved_block_is_noticed(now: Schemas, said: str) -> None:
    """Each way to break one."""
    assert breaking(OLD, now)[0].startswith(said)


def test_a_new_field_with_a_default_breaks_nothing() -> None:
    """Nor does another default, or a default where there was none."""
    more = changed(user={"type": "str", "default": "pbx"}, host={"type": "str", "default": ""})
    assert breaking(OLD, more) == []


@pytest.mark.parametrize("host", ["", "https://pbx", "pbx/portal", "user@pbx", "pbx 01"])
def test_only_a_name_or_address_is_a_host_of_the_pbx(host: str) -> None:
    """The mistakes that a pasted URL makes are named."""
    with pytest.raises(ValidationError, match="without https://"):
        PbxApi(host=host, password=SecretStr("x"))


@pytest.mark.parametrize("host", ["[::1]", "::1"])
def test_ipv6_address_is_a_host(host: str) -> None:
    """With brackets or without."""
    assert PbxApi(host=host, password=SecretStr("x")).host == host


@pytest.mark.usefixtures("prefect_server")
def test_saved_block_works_after_loading() -> None:
    """What the UI stores comes back with its secrets and signs in."""
    with Pbx() as pbx:
        block_for(pbx).save("test-pbx-api", overwrite=True)
        loaded = PbxApi.load("test-pbx-api")
        assert isinstance(loaded, PbxApi)
        with loaded.get_client() as client:
            assert client.version() == "22.8.0"
