"""Every deadline and retry that is not a field of a block, in one place; `flows/NUMBERS.md` tells them to users."""

from __future__ import annotations

STATE_FOLDER = "/var/lib/dataflow-flows"
"""Our own folder on the control node: not in the vendor's folders (overwritten, replicated), not in /run or /tmp."""

LOOK_RETRIES = 3
"""A look that found a host unreachable is tried again this often; nothing else is tried again."""

LOOK_RETRY_DELAYS = [1.0, 2.0, 4.0]
"""Seconds before each retry, with up to half as much again at random."""

PROMPT_AFTER = 30.0
"""Seconds that an unfinished line may stand before it counts as a question (state `waiting-for-input`)."""

FOLLOW_WAIT = 5.0
"""Seconds without news after which the control node tells a follower so; a new line is told at once."""

FOLLOW_ANSWER = 20.0
"""Seconds beyond that for it to arrive; then the link counts as frozen and is opened anew."""

FOLLOW_RECONNECT = 2.0
"""Seconds between attempts to reach the control node again; the script goes on meanwhile."""

MOST_LOG_LINES = 2000
"""Lines of the script that go to the Prefect log as they come; then only one in FOLLOW_WAIT seconds, and the last."""

LAST_LOG_LINES = 100
"""So many last ones, once such a script has ended; the whole transcript stays in the run folder."""

WHITELIST_LEAST_DAYS = 365
"""An entry on the PBX's list that ends sooner than this gets a second, longer one beside it."""

LOGIN_WAIT = 30.0
"""Seconds for the password-less login from the control node to the server that proves the SSH key."""

REGISTRATION_WAIT = 60.0
"""Seconds for the new service to show up in the PBX's server row; after that it is reported as not seen."""

REGISTRATION_POLL = 2.0
"""Seconds between two looks for the registration."""

SETTLE_POLL = 1.0
"""Seconds between two looks while the service is not healthy yet."""

PULL_REPORT = 1.0
"""Seconds between two updates of a pull's progress in the UI; each is a call to the Prefect server."""

STOP_GRACE = 300
"""Seconds that a container has to end by itself before Docker kills it; the vendor's own `stop` takes as many."""

COUNT_WAIT = 30
"""Seconds for counting the rows of one table whose engine does not tell them (TinyLog, File, RocksDB)."""

QUIET_WAIT = 600.0
"""Seconds to wait for unfinished mutations of ClickHouse before a change; then it is refused, nothing was stopped."""

QUIET_POLL = 1.0
"""Seconds between two looks for unfinished mutations."""

WATCH_POLL = 0.25
"""Seconds between two probes whether ClickHouse answers, all through a change; the downtime is exact to about that."""

APPROVAL_WAIT = 72 * 3600
"""Seconds that a plan waits for its approval; no answer until then means no."""

RESTORE_POINT_WAIT = 3600.0
"""Seconds for making, putting back or removing a restore point; links take seconds, copies of other engines longer."""

HEALTH_FREE_LOW = 0.15
"""Health: a disk with less of its bytes or inodes free is a warning."""

HEALTH_FREE_LEAST = 0.05
"""Health: with less than this it is critical."""

HEALTH_FULL_SOON_DAYS = 14
"""Health: a disk that is full in fewer days, if it goes on as in the last week, is a warning."""

HEALTH_FULL_NOW_DAYS = 2
"""Health: in fewer than these it is critical."""

HEALTH_LOG_GIB = 10
"""Health: a larger log folder of ClickHouse is a warning; releases before 2026-05-25 did not limit it."""

HEALTH_LOG_GIB_PER_DAY = 1
"""Health: so is one that grows faster."""

HEALTH_PARTS = 500
"""Health: more active parts in one partition are a warning; from 1000 on ClickHouse slows down inserts."""

HEALTH_WHITELIST_DAYS = 30
"""Health: an entry on the PBX's list that ends sooner is a warning."""

HEALTH_CERTIFICATE_DAYS = 21
"""Health: a certificate of the PBX that ends sooner is a warning."""

HEALTH_RESTORE_POINT_DAYS = 30
"""Health: restore points that are older, the newest aside, are a warning: they keep old data on the disk."""

HEALTH_CHANGE_HOURS = 2.0
"""Health: for so long a change that holds the lock explains a service that is down; longer is a warning."""

DRAIN_WAIT = 7200.0
"""Seconds that the end of a worker waits for its runs; longer than any script may take, and less than systemd waits."""

DRAIN_QUIET = 15.0
"""Seconds without any run before a worker may be stopped; more than the worker takes to look for runs."""

DRAIN_POLL = 3.0
"""Seconds between two looks for what still runs."""

AUDIT_UNENDED = 14400.0
"""Audit: seconds after which a run that Prefect still calls Running counts as dead; no change works that long."""

AUDIT_SLACK = 120.0
"""Audit: seconds by which the clocks of worker and hosts may differ before a trace counts as left by somebody else."""

AUDIT_WAIT = 10.0
"""Audit: seconds to reach pbx01, and for each command there, when a run leaves its record: a cancelled one has few."""

AUDIT_APPENDS = 20
"""Audit: how often a run reads the end of the log again because another run appended to it meanwhile."""

AUDIT_PAUSE = 0.05
"""Audit: seconds before it does."""

AUDIT_READ = 300.0
"""Audit: seconds for reading a whole log."""

REHEARSAL_MEMORY_GIB = 2
"""Rehearsal: memory that the new ClickHouse may take; the kernel ends it when it wants more."""

REHEARSAL_MEMORY_LEFT_GIB = 2
"""Rehearsal: memory that must be available beyond that, else it is refused."""

REHEARSAL_DISK_LEFT_GIB = 1
"""Rehearsal: room on the data volume that must stay free beside the copy, else it is refused."""

REHEARSAL_BUSY = 0.75
"""Rehearsal: a load of the last minute above so much for each vCPU refuses it."""

REHEARSAL_CPU_SHARE = 0.1
"""Rehearsal: the part of the server's CPUs that the new ClickHouse may use; at least a fifth of one.

So a writer that keeps all of them busy is slowed by a tenth at most while the copy is open.
"""

REHEARSAL_WEIGHT = 102
"""Rehearsal: CPU weight of the new ClickHouse where Docker gives others 1024: of busy cores it gets a tenth of theirs.

With the least weight (2) it got nothing for a minute of a core that was busy all the time, and counted as not ready.
"""

REHEARSAL_LIFE = 600
"""Rehearsal: seconds beyond the settle time-out after which the container ends by itself, whoever is gone by then."""

REHEARSAL_STOP = 60
"""Rehearsal: seconds that the new ClickHouse has to end by itself before Docker kills it; it holds nobody's data."""
