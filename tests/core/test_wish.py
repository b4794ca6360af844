"""The wish: which image, which addresses, and how long an entry has to last."""

from __future__ import annotations

from flows.core.wish import pbx_image, whitelist_addresses, whitelist_until
from tests.core.healthy import DAY, NOW, SNAPSHOT, wish, with_script


def test_the_named_image_wins_over_vars_yml() -> None:
    """An image in the block is taken as it is."""
    assert pbx_image(SNAPSHOT, wish(pbx_image="portsip/pbx:22.8.0")) == "portsip/pbx:22.8.0"


def test_an_empty_image_is_that_of_vars_yml() -> None:
    """Without one in the block the cluster's own counts; without both there is none."""
    assert pbx_image(SNAPSHOT, wish(pbx_image="")) == "portsip/pbx:22"
    assert pbx_image(with_script(variables=None), wish(pbx_image="")) == ""
    assert pbx_image(with_script(variables={"vip": "x"}), wish(pbx_image="")) == ""


def test_both_addresses_are_let_in_once() -> None:
    """Private and public where both are used, one where they are the same."""
    both = wish(private_address="192.168.1.26", public_address="203.0.113.9")
    assert whitelist_addresses(both) == ("192.168.1.26", "203.0.113.9")
    assert whitelist_addresses(wish(public_address="192.168.1.26")) == ("192.168.1.26",)
    assert whitelist_addresses(wish(private_address="", public_address="")) == ()


def test_an_entry_of_ours_is_not_too_short_on_the_next_day() -> None:
    """A year is enough, or half of the wished time where that is shorter; so a second run adds nothing."""
    assert whitelist_until(wish(whitelist_days=3650)) == NOW + 365 * DAY
    assert whitelist_until(wish(whitelist_days=30)) == NOW + 15 * DAY
