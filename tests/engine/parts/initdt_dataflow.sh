#!/bin/sh
# `initdt_dataflow.sh initdt` of the PBX image: makes the tables that are missing.
exec /usr/local/bin/dataflow "$1" -D /var/lib/portsip/dataflow
