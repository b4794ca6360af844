"""Judges whether the signed-in account may do what a Data Flow installation needs."""

from __future__ import annotations

from typing import Any

from blocks.errors import AccessDenied

RIGHT = "SystemSettings.FullAccess"
"""The PBX's name for the right to change IP rules and servers."""


def require_rights(where: str, user: str, account: dict[str, Any]) -> None:
    """Raise `AccessDenied` when the account has to change its password first, or has too few rights.

    `account` is the reply of `GET /api/auth/user`; what it leaves out is not held against it, because older
    releases tell less: a missing right then shows itself at the call that needs it.
    """
    tried = f"to use the account {user}"
    if account.get("password_force_reset") is True:
        raise AccessDenied(
            where,
            tried,
            "the PBX wants its password changed first (password_force_reset)",
            "Sign in to the Web Portal as this account, set a new password, and enter it in the block.",
        )
    role, name = account.get("role"), account.get("role_name")
    granted = settings_rights(account.get("capabilities"))
    if RIGHT in granted or not role or (role == "SystemAdmin" and not granted):
        return
    raise AccessDenied(
        where,
        tried,
        f"its role is {name or role}" + (f" with {', '.join(granted)}" if granted else ""),
        "Give the account the role System Admin, or a custom role with System Settings Full Access "
        "(Operation Admin and Site Admin have too few rights).",
    )


def settings_rights(capabilities: object) -> list[str]:
    """The rights over system settings among the capabilities; empty when they are not a list of names."""
    if not isinstance(capabilities, list):
        return []
    return [text for text in capabilities if isinstance(text, str) and text.startswith("SystemSettings.")]
