#!/bin/bash
# Stand-in of the sandbox for the vendor's dataflow.sh, in the shape of version @VERSION@. It is written for these
# tests from what the product's documents tell; nothing in it comes from the vendor.
#
# usage: dataflow.sh run -p PATH -a PRIVATE|-A PUBLIC [-i IMAGE] [-d IMAGE] | upgrade | start | stop | restart | rm
#
# What it does, in order; a test can stop it before any of these:
# step 1: read the parameters
# step 2: read the variables of the cluster
# step 3: look at the writer that runs
# step 4: read the parameters of the installation
# step 5: remove the containers that run
# step 6: prepare the server
# step 7: check Docker
# step 8: pull the PBX image
# step 9: check the version of the PBX image
# step 10: pull the ClickHouse image
# step 11: settle the password
# step 12: record the parameters
# step 13: start the database for the schema
# step 14: make the schema
# step 15: remove the database for the schema
# step 16: start the database
# step 17: start the writer
# step 18: remove images that no container has
# step 19: stop the containers
# step 20: start the containers
# step 21: remove the containers
set -e -o pipefail
root=${SANDBOX_ROOT:-}
cd "$(dirname "${BASH_SOURCE[0]}")"

SECONDS_PER_STEP=0.05 # what takes minutes there
FAIL_AT_STEP=0        # one of the steps above
FAIL_HOW=exit         # exit, error-line (and exit code 0), hang, ask, kill
HEALTH_INTERVAL=1s
LEAVE_DAEMON=''       # yes: leaves a program behind that has the terminal and every open file of the script
for file in machine script; do # what the machine needs as long as it is there, and what a test says
  if [ -r "$root/etc/sandbox-$file.conf" ]; then . "$root/etc/sandbox-$file.conf"; fi
done
if [ "$LEAVE_DAEMON" ]; then setsid sleep 3600 & fi

FOLDER=@FOLDER@
DATABASE=@DATABASE@
WRITER=@WRITER@
INITDT=portsip.dataflow_initdt
VERB=${1:-}
DATA_PATH='' PRI_IP_ADDRESS='' PUB_IP_ADDRESS='' PBX_IP_ADDRESS='' DATAFLOW_IMG='' DB_IMG=''

info() { printf '[info]: %s\n' "$*"; }
error() { printf '[error]: %s\n' "$*"; }
die() { error "$*" && exit -1; }
plain() { printf '%s' "${1#"${SANDBOX_ROOT:-}"}"; } # a path as the host names it, without the sandbox's folder
docker() { sudo -n docker "$@"; }

# ---- where the script stands, and the faults -----------------------------------------------------------------

note() { printf '%s\n' "$1" >"$root/run/sandbox-script-step"; }

begin() { # begin STEP: take the time of a step of the control node, fail when it is the one
  note "$1"
  sleep "$SECONDS_PER_STEP"
  if [ "$1" = "$FAIL_AT_STEP" ]; then fail; fi
}

fail() {
  case $FAIL_HOW in
  error-line) error "step $FAIL_AT_STEP did not work" && exit 0 ;;
  hang) while [ ! -e "$root/run/sandbox-go-on" ]; do sleep 0.1; done ;;
  ask) ask ;;
  kill) kill -KILL $$ ;;
  *) die "step $FAIL_AT_STEP did not work" ;;
  esac
}

ask() { # as a package does whose configuration file was changed
  local prompt='*** cloud.cfg: Do you want to continue? (Y/I/N/O/D/Z) [default=N] ? ' answer
  if { : </dev/tty; } 2>/dev/null; then
    printf '%s' "$prompt" >/dev/tty && read -r answer </dev/tty
  else
    printf '%s' "$prompt" && read -r answer
  fi
  info "continue with ${answer:-N}"
}

# ---- on the server ------------------------------------------------------------------------------------------

on_server() { # on_server STEP...: in one connection, but in two when a fault comes in between
  local step batch=''
  for step; do
    if [ "$step" = "$FAIL_AT_STEP" ]; then
      send "$batch"
      batch=''
      begin "$step"
    fi
    batch="$batch $step"
  done
  send "$batch"
}

send() { # send STEPS: their functions and our variables as one shell text
  [ -n "$1" ] || return 0
  local text
  text="set -e -o pipefail
$(declare -f info error die plain docker $FUNCTIONS_ON_SERVER $(printf ' step_%s' $1))
$(declare -p FOLDER DATABASE WRITER INITDT VERB HEALTH_INTERVAL DATA_PATH PRI_IP_ADDRESS PUB_IP_ADDRESS PBX_IP_ADDRESS \
    DATAFLOW_IMG DB_IMG $VARIABLES_ON_SERVER)
for step in $1; do echo \"::step \$step\"; sleep $SECONDS_PER_STEP; step_\$step; done"
  ssh -o ConnectTimeout=10 -o ServerAliveInterval=15 "$USER@$HOST" "$text" </dev/null | show
}

show() { # pass the lines on, take the marks of the steps out
  local line
  while IFS= read -r line; do
    case $line in '::step '*) note "${line#::step }" ;; *) printf '%s\n' "$line" ;; esac
  done
}

@ON_SERVER@

# ---- on the control node ------------------------------------------------------------------------------------

set_option() {
  case $1 in
  p) DATA_PATH=$(plain "$OPTARG") ;;
  a) PRI_IP_ADDRESS=$OPTARG ;;
  A) PUB_IP_ADDRESS=$OPTARG ;;
  i) DATAFLOW_IMG=$OPTARG ;;
  d) DB_IMG=$OPTARG ;;
  esac
}

variable_of_cluster() { sed -n "s/^$1: *['\"]\{0,1\}\([^'\" ]*\).*/\1/p" res/vars.yml; }

remember() { HOST=$1 && printf '%s\n' "$1" >.dataflow_server; }

recall() {
  if [ ! -s .dataflow_server ]; then die "the data flow server is not installed"; fi
  HOST=$(<.dataflow_server)
}

run_verb() {
  begin 1
  while getopts "p:a:A:i:d:" option; do set_option "$option"; done
  if [ -z "$DATA_PATH" ]; then die "option -p is required"; fi
  if [ -z "$PRI_IP_ADDRESS$PUB_IP_ADDRESS" ]; then die "option -a or -A is required"; fi
  begin 2
  PBX_IP_ADDRESS=$(variable_of_cluster vip)
  DATAFLOW_IMG=${DATAFLOW_IMG:-$(variable_of_cluster pbx_image)}
  DB_IMG=${DB_IMG:-portsip/clickhouse:25.8}
  remember "${PRI_IP_ADDRESS:-$PUB_IP_ADDRESS}"
  info "deploy the data flow on $HOST"
  on_server 6 7 8 9 10 11 12 13 14 15 16 17
  info "the data flow is deployed"
}

upgrade_verb() {
  begin 1
  while getopts "@UPGRADE_OPTIONS@" option; do set_option "$option"; done
  recall
  local wanted=$DATAFLOW_IMG wanted_database=$DB_IMG saved name value
  on_server 3
  begin 4
  saved=$(send 4)
  while IFS='=' read -r name value; do
    case $name in DATA_PATH | P*_IP_ADDRESS | *_IMG) printf -v "$name" '%s' "${value//\"/}" ;; esac
  done <<<"$saved"
  DATAFLOW_IMG=${wanted:-$DATAFLOW_IMG} DB_IMG=${wanted_database:-$DB_IMG}
  info "upgrade the data flow on $HOST"
  on_server 5 6 7 8 9 10 11 12 13 14 15 16 17 18
  info "the data flow is upgraded"
}

if [ $# -gt 0 ]; then shift; fi
case $VERB in
run) run_verb "$@" ;;
upgrade) upgrade_verb "$@" ;;
start) recall && on_server 20 ;;
stop) recall && on_server 19 ;;
restart)
  recall
  on_server 19
  sleep "$SECONDS_PER_STEP"
  on_server 20
  ;;
rm) recall && on_server 21 ;;
*) error "unknown command $VERB" ;;
esac
