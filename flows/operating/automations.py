"""Switches on one of the automations of flows/automations, each a file in Prefect's own form.

    python -m flows.operating.automations add notify-failed-change --notify slack-webhook/operations
    python -m flows.operating.automations add recreate-after-drift
    python -m flows.operating.automations remove recreate-after-drift

It fills in what differs from server to server, the ids of the deployment and of the notification block, and replaces an
automation of the same name: `prefect automation create --from-file` would make a second one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

FOLDER = Path(__file__).parents[1] / "automations"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def main(words: list[str] | None = None) -> None:
    """Do what the words of the command line ask for; ends with a message where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m flows.operating.automations", description=__doc__)
    parser.add_argument("verb", choices=("add", "remove"))
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--notify", default="", help="saved notification block: slack-webhook/operations")
    asked = parser.parse_args(words)
    with get_client(sync_client=True) as client:
        automation = filled(client, asked.name, asked.notify) if asked.verb == "add" else None
        for old in client.read_automations_by_name(asked.name):
            client.delete_automation(old.id)
            print(f"removed {old.name}")
        if automation is not None:
            client.create_automation(automation)
            print(f"added {automation.name}")


def filled(client: SyncPrefectClient, name: str, notify: str) -> AutomationCore:
    """The file's automation with the ids of this server; raises `SystemExit` where it does not have what is named."""
    said = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    for action in said["actions"]:
        if "deployment_id" in action:
            action["deployment_id"] = str(_deployment(client, action["deployment_id"]))
        if "block_document_id" in action:
            action["block_document_id"] = str(_block(client, notify))
    return AutomationCore.model_validate(said)


def _deployment(client: SyncPrefectClient, name: str) -> object:
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound:
        raise SystemExit(f"There is no deployment {name}: run `prefect --no-prompt deploy --all` first.") from None


def _block(client: SyncPrefectClient, slug: str) -> object:
    kind, _, name = slug.partition("/")
    if not name:
        raise SystemExit("Name a saved notification block: --notify TYPE/NAME, e.g. slack-webhook/operations.")
    try:
        return client.read_block_document_by_name(name, kind, include_secrets=False).id
    except ObjectNotFound:
        raise SystemExit(f"There is no block {slug}: save it in the UI first (Blocks → +).") from None


if __name__ == "__main__":
    main()
