#!/bin/bash
# docker: the stand-in for Docker's command line, at the socket of this host's engine.
export SANDBOX_DOCKER_SOCKET='@SOCKET@'
# Compiled once for each host, also where the caller's Python may not write such files.
exec '@PYTHON@' -S -E -I -X pycache_prefix="$SANDBOX_ROOT/lib/compiled" '@PROGRAM@' "$@"
