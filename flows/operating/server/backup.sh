#!/bin/sh
# Backs up the Prefect database, nightly from cron as postgres: blocks (encrypted), deployments, history, reports.
# Without PREFECT_SERVER_ENCRYPTION_KEY the blocks in it cannot be read: keep that key in another place, not here.
set -eu
umask 077
folder=${1:-/var/backups/prefect}
mkdir -p "$folder"
pg_dump --format=custom --file="$folder/prefect-$(date +%Y%m%d-%H%M%S).part" "${2:-prefect}"
for part in "$folder"/*.part; do mv "$part" "${part%.part}.dump"; done
find "$folder" -name 'prefect-*.dump' -mtime +30 -delete
