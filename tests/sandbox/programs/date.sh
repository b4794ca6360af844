#!/bin/bash
# date, with the clock of the host ahead by the seconds in <root>/etc/sandbox-clock (whole seconds; may be negative).
offset=0
[[ ! -f $SANDBOX_ROOT/etc/sandbox-clock ]] || offset=$(<"$SANDBOX_ROOT/etc/sandbox-clock")
[[ $offset != 0 && " $*" != *" -d"* ]] || exec "$SANDBOX_ROOT/real/date" "$@"
exec "$SANDBOX_ROOT/real/date" -d "${offset%.*} seconds" "$@"
