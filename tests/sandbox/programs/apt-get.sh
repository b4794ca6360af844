#!/bin/bash
# apt-get: installing docker-ce or docker.io puts the Docker command line in place when the host has one to install.
if [[ " $* " == *" install "* && " $* " == *" docker"* && -f $SANDBOX_ROOT/lib/docker ]]; then
  ln -sf ../lib/docker "$SANDBOX_ROOT/bin/docker"
  echo 'Setting up docker-ce (5:28.5.1-1~ubuntu.24.04~noble) ...'
fi
