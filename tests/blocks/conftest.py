"""What Prefect's own standards for blocks need from the world."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest


@pytest.fixture(autouse=True)
def logo_within_reach(request: pytest.FixtureRequest) -> None:
    """Prefect's suite fetches a block's logo; where the internet is away nobody can tell whether that is square."""
    if getattr(request.node, "originalname", "") != "test_has_a_valid_image":
        return
    host = urlsplit(str(request.getfixturevalue("block")._logo_url)).hostname
    try:
        socket.create_connection((host, 443), 5).close()
    except OSError as error:
        pytest.skip(f"the logo is on {host}, which cannot be reached: {error}")
