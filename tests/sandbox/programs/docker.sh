#!/bin/bash
# docker: the stand-in for Docker's command line, at the socket of this host's engine.
export SANDBOX_DOCKER_SOCKET='@SOCKET@'
exec '@PYTHON@' -S -E -I '@PROGRAM@' "$@"
