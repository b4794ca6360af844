#!/bin/bash
# Starts Docker's engine of this host, with the options of /etc/lab/dockerd, and waits until it answers.
set -e
setsid --fork dockerd $(</etc/lab/dockerd) </dev/null >>/var/log/dockerd.log 2>&1
for _ in $(seq 300); do
  if docker version >/dev/null 2>&1; then exit 0; fi
  sleep 0.05
done
tail -n 20 /var/log/dockerd.log >&2
exit 1
