"""The PbxApi block against Prefect's own standards for blocks, and against ours for its form."""

from __future__ import annotations

import types
import typing

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from blocks.pbx import PbxApi
from tests.blocks.pbx_support import block_for
from tests.sandbox.pbx import Pbx


class TestPbxApi(BlockStandardTestSuite):
    """Prefect's suite."""

    @pytest.fixture
    def block(self) -> type[Block]:
        """The block under test."""
        return PbxApi


def test_every_field_suits_a_form() -> None:
    """A title of its own, a described purpose, no "or None", which the form shows as a broken tab."""
    for name, field in PbxApi.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert typing.get_origin(field.annotation) not in (typing.Union, types.UnionType), name


def test_unknown_setting_is_refused() -> None:
    """A typo is not silently ignored."""
    with pytest.raises(ValidationError, match="hots"):
        PbxApi(host="pbx", password=SecretStr("x"), hots="y")  # type: ignore[call-arg]


@pytest.mark.parametrize("host", ["", "https://pbx", "pbx/portal", "user@pbx", "pbx 01"])
def test_only_a_name_or_address_is_a_host(host: str) -> None:
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
