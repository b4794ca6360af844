"""What is remembered of rehearsals on the control node, because Prefect's history can be deleted; one line for each."""

from __future__ import annotations

import json
import time

from prefect import get_run_logger, task

from blocks.cluster import DataFlowCluster
from blocks.ssh_client import SshClient
from flows.core.change import Outcome, Told
from flows.core.data.compare import compare
from flows.core.data.verdict import Severity, Verdict
from flows.core.numbers import STATE_FOLDER
from flows.core.proof import Proof
from flows.core.rehearsal import Rehearsal, from_json
from flows.core.rehearsal_seen import Held, Opened
from flows.tasks.policy import LOOK, told
from flows.tasks.rehearsal_copy import UNDER_WAY

REHEARSALS = f"{STATE_FOLDER}/rehearsals.jsonl"


def read_rehearsals(ssh: SshClient) -> tuple[Rehearsal, ...]:
    """Every rehearsal that the control node remembers, the oldest first."""
    found = (from_json(line) for line in (ssh.read(REHEARSALS) or "").splitlines())
    return tuple(each for each in found if each is not None)


def under_way(ssh: SshClient) -> tuple[str, str]:
    """The id and data path of the rehearsal that has something on the server now; twice "" when none has."""
    text = ssh.read(UNDER_WAY)
    try:
        said = json.loads(text) if text else {}
        return str(said.get("id", "")), str(said.get("data_path", ""))
    except ValueError:
        return "", ""


@task(name="verify-row-counts", task_run_name="verify-row-counts", **LOOK)
def judge_copy(held: Held, opened: Opened) -> Told[tuple[Proof, str]]:
    """Compare what the new engine read with what the copy holds, and that with the live data; "" when it is whole.

    A part that was there before has to be in the copy, by itself or in a part that the live server merged it into.
    """
    whole = compare(held.before, held.reference)
    if opened.data is None:
        proof = Proof(held.before.version, opened.image.version, Verdict(()))
        return told(
            Outcome("verify-row-counts", None, "nothing to compare: the copy was not opened"), (proof, opened.trouble)
        )
    verdict = compare(held.reference, opened.data)
    proof = Proof(held.before.version, opened.data.version, verdict)
    log = get_run_logger()
    say = {Severity.FAILURE: log.error, Severity.WARNING: log.warning}.get(verdict.severity, log.info)
    say("Verdict: %s", verdict.summary)
    lacking = f"the copy is not whole: {whole.summary}" if whole.failed else ""
    trouble = verdict.summary if verdict.failed else held.damage or lacking
    return told(Outcome("verify-row-counts", None, trouble or verdict.summary), (proof, trouble))


@task(name="record-rehearsal", task_run_name="record-rehearsal", **LOOK)
def record_rehearsal(
    cluster: DataFlowCluster, name: str, opened: Opened, proof: Proof, trouble: str, run: tuple[str, str]
) -> Outcome:
    """Write down whether it passed, for the upgrade that asks for it; `run` is the flow run's id and its link."""
    image = opened.image
    done = Rehearsal(
        id=name,
        at=time.time(),
        passed=not trouble,
        reference=image.reference,
        image_id=image.id,
        digest=image.digest,
        version_before=proof.version_before,
        version_after=proof.version_after,
        said=trouble or proof.verdict.summary,
        run=run[0],
        link=run[1],
    )
    line = done.as_json() + "\n"
    whole = f'[ "$(wc -c < "$t")" = {len(line.encode())} ] && cat "$t" >> {REHEARSALS}; code=$?'
    with cluster.control.get_client(name="pbx01") as ssh:
        ssh.run(f'umask 077; t={REHEARSALS}.new.$$; cat > "$t" && {whole}; rm -f "$t"; exit $code', stdin=line)
    word = "passed" if done.passed else "FAILED"
    return told(Outcome("record-rehearsal", None, f"{word}: {image.reference}, {image.digest or image.id}"))
