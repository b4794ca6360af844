#!/bin/bash
# Answers like the command that it is called as: prints <root>/answers/<words>, else <root>/answers/<name>;
# <key>.stderr and <key>.exit add the other stream and the exit code. Without an answer the real tool in
# <root>/real is run, and without that one the command is not found.
name=${0##*/}
words=$name${*:+ $*}
words=${words//"$SANDBOX_ROOT"/}
for key in ${SUDO_USER:+"sudo $words"} "$words" ${SUDO_USER:+"sudo $name"} "$name"; do
  key=${key//%/%25}
  file=$SANDBOX_ROOT/answers/${key//\//%2F}
  [[ -f $file ]] || continue
  while IFS= read -r line || [[ -n $line ]]; do printf '%s\n' "$line"; done <"$file"
  if [[ -f $file.stderr ]]; then printf '%s' "$(<"$file.stderr")" >&2; echo >&2; fi
  if [[ -f $file.exit ]]; then exit "$(<"$file.exit")"; fi
  exit 0
done
[[ ! -x $SANDBOX_ROOT/real/$name ]] || exec "$SANDBOX_ROOT/real/$name" "$@"
printf '%s: command not found\n' "$name" >&2
exit 127
