#!/bin/bash
# sudo of a host in the sandbox. <root>/etc/sandbox-sudo holds: mode (nopasswd, password, none), salt, and
# sha256(salt + password) in hexadecimal; each password that is tried leaves a line in <root>/var/log/sandbox-sudo.
user=$USER prompt="[sudo] password for $USER: " silent='' from_stdin=''
while [[ ${1-} == -* ]]; do
  case $1 in
  -n | --non-interactive) silent=yes ;;
  -S | --stdin) from_stdin=yes ;;
  -p) prompt=$2 && shift ;;
  -u) shift ;;
  -[EHik]) ;;
  --) shift && break ;;
  *) echo "sudo: invalid option -- '${1#-}'" >&2 && exit 1 ;;
  esac
  shift
done
{ read -r mode && read -r salt && read -r wanted; } <"$SANDBOX_ROOT/etc/sandbox-sudo"

ask() { # the next password, from stdin or the terminal
  printf '%s' "$prompt" >&2
  if [[ $from_stdin ]]; then IFS= read -r password; else IFS= read -rs password </dev/tty && echo >&2; fi
}

sign_in() { # at most three tries, as sudo has it
  local tries=0 password seen
  if [[ $silent ]]; then echo 'sudo: a password is required' >&2 && exit 1; fi
  if [[ ! $from_stdin ]] && ! { : </dev/tty; } 2>/dev/null; then
    echo 'sudo: a terminal is required to read the password; either use the -S option to read from standard' \
      'input or configure an askpass helper' >&2
    echo 'sudo: a password is required' >&2 && exit 1
  fi
  while ((tries < 3)) && ask; do
    tries=$((tries + 1))
    read -r seen _ < <(printf '%s' "$salt$password" | sha256sum)
    if [[ $seen == "$wanted" ]]; then echo right >>"$SANDBOX_ROOT/var/log/sandbox-sudo" && return; fi
    echo wrong >>"$SANDBOX_ROOT/var/log/sandbox-sudo"
    ((tries == 3)) || echo 'Sorry, try again.' >&2
  done
  if ((tries == 0)); then echo 'sudo: no password was provided' >&2; fi
  echo "sudo: $((tries > 0 ? tries : 1)) incorrect password attempt$( ((tries > 1)) && echo s)" >&2
  exit 1
}

[[ $mode == nopasswd || ${SUDO_USER-} ]] || sign_in
if [[ $mode == none ]]; then echo "$user is not in the sudoers file." >&2 && exit 1; fi
[[ $# -gt 0 ]] || exit 0
export SUDO_USER=$user
while [[ ${1-} == *=* && $1 != /* ]]; do export "${1?}" && shift; done
type -P "$1" >/dev/null || { echo "sudo: $1: command not found" >&2 && exit 1; }
exec "$@"
