# The steps of the stand-in for dataflow.sh that run on the server; they are put into dataflow.sh when it is installed.
FUNCTIONS_ON_SERVER='password_of exists wait_healthy remove run_database'
VARIABLES_ON_SERVER=''

password_of() { # password_of FILE: without the key in [dataflow] this finds a later section's, or nothing
  sed -n '/^\[dataflow\]/,$ s/^password *= *//p' "$1" | head -n 1
}

exists() { docker inspect "$1" >/dev/null 2>&1; }

wait_healthy() { # wait_healthy CONTAINER: at most a minute
  local tries
  for tries in $(seq 400); do
    if docker inspect "$1" | grep -E '"Status": *"healthy"' >/dev/null; then return 0; fi
    sleep 0.1
  done
  die "container $1 is unhealthy"
}

remove() { # remove CONTAINER...: 10 seconds to stop, like `docker compose down`
  local container
  for container; do
    if exists "$container"; then
      docker stop "$container"
      docker rm "$container"
    fi
  done
}

run_database() {
  CLICKHOUSE_PASSWORD=$(password_of "$DATA_PATH/dataflow/system.ini")
  export CLICKHOUSE_PASSWORD # by the environment: a compose file does not show it in the process list either
  docker run -d --name "$DATABASE" --network host --restart unless-stopped --user root \
    -e CLICKHOUSE_DB=default -e CLICKHOUSE_USER=default -e CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT=1 -e CLICKHOUSE_PASSWORD \
    -v "$DATA_PATH/clickhouse/data:/var/lib/clickhouse" -v "$DATA_PATH/clickhouse/log:/var/log/clickhouse-server" \
    --label com.docker.compose.project.working_dir="$(plain "$FOLDER")" --label com.docker.compose.service=database \
    --label com.docker.compose.project="${FOLDER##*/}" \
    --health-cmd 'wget --spider -q http://localhost:8123/ping' --health-interval "$HEALTH_INTERVAL" \
    --health-retries 3 --health-start-period 5s --cap-add NET_ADMIN --cap-add SYS_NICE --cap-add IPC_LOCK \
    --ulimit nofile=655360 "$DB_IMG"
  wait_healthy "$DATABASE"
}

step_3() { docker inspect "$WRITER" >/dev/null; }

step_4() { cat "$FOLDER/.configure_dataflow"; }

step_5() {
  info "remove the containers"
  remove "$WRITER" "$DATABASE"
}

step_6() {
  info "prepare $(plain "$DATA_PATH") on $(hostname)"
  sudo -n systemctl stop unattended-upgrades apt-daily.timer apt-daily-upgrade.timer
  sudo -n systemctl mask unattended-upgrades apt-daily.timer apt-daily-upgrade.timer
  sudo -n mkdir -p "$FOLDER" "$DATA_PATH/dataflow" "$DATA_PATH/clickhouse/data" "$DATA_PATH/clickhouse/log"
  sudo -n chmod 755 "$DATA_PATH/dataflow" "$DATA_PATH/clickhouse"
  sudo -n chown -R 888:888 "$DATA_PATH/dataflow"
}

step_7() {
  if ! type -P docker >/dev/null; then
    info "install docker"
    sudo -n apt-get install -y docker-ce
  fi
  docker version >/dev/null
}

step_8() {
  info "pull $DATAFLOW_IMG"
  docker pull "$DATAFLOW_IMG"
}

step_9() {
  local version
  version=$(docker image inspect "$DATAFLOW_IMG" | sed -n 's/.*"version": *"\([0-9.]*\).*/\1/p' | head -n 1)
  if [ "$(printf '%s\n' 22.3.0 "$version" | sort -V | head -n 1)" != 22.3.0 ]; then
    die "the version of $DATAFLOW_IMG is ${version:-unknown}, at least 22.3.0 is needed"
  fi
  info "PBX version: $version"
}

step_10() {
  info "pull $DB_IMG"
  docker pull "$DB_IMG"
}

step_11() {
  local file=$DATA_PATH/dataflow/system.ini new
  if [ -f "$file" ]; then
    info "use existed old password $(password_of "$file")"
  else
    new=$(head -c 64 /dev/urandom | base64 | tr -d '+/=\n' | cut -c 1-20)
    printf '[dataflow]\npassword=%s\n' "$new" >"$file"
    chmod 600 "$file"
    info "generate new password $new"
  fi
}

step_12() {
  local name value
  mkdir -p "$FOLDER"
  for name in DATA_PATH PRI_IP_ADDRESS PUB_IP_ADDRESS PBX_IP_ADDRESS DATAFLOW_IMG DB_IMG EXTEND_SVC_TYPE HUB_USER HUB_SERVER; do
    value=${!name-}
    if [ "$name" = EXTEND_SVC_TYPE ]; then value=dataflow-server-only; fi
    printf '%s=%s%s%s\n' "$name" '@QUOTE@' "$(plain "$value")" '@QUOTE@'
  done >"$FOLDER/.configure_dataflow"
  printf 'services:\n  database:\n    environment:\n      - CLICKHOUSE_PASSWORD=%s\n' \
    "$(password_of "$DATA_PATH/dataflow/system.ini")" >"$FOLDER/docker-compose.yml"
}

step_13() {
  info "start the database"
  remove "$WRITER" "$INITDT" "$DATABASE"
  run_database
}

step_14() {
  info "init database"
  docker run --rm --name "$INITDT" --network host --user portsip -v "$DATA_PATH/dataflow:/var/lib/portsip/dataflow" \
    --label com.docker.compose.project.working_dir="$(plain "$FOLDER")" --label com.docker.compose.service=initdt \
    "$DATAFLOW_IMG" initdt_dataflow.sh initdt
}

step_15() { remove "$DATABASE"; }

step_16() {
  info "start the data flow"
  run_database
}

step_17() {
  local public=()
  if [ -n "$PUB_IP_ADDRESS" ]; then public=(-z "$PUB_IP_ADDRESS"); fi
  docker run -d --name "$WRITER" --network host --restart unless-stopped --user portsip \
    -v "$DATA_PATH/dataflow:/var/lib/portsip/dataflow" \
    --label com.docker.compose.project.working_dir="$(plain "$FOLDER")" --label com.docker.compose.service=dataflow \
    --label com.docker.compose.project="${FOLDER##*/}" "$DATAFLOW_IMG" /usr/local/bin/dataflow serve \
    -D "$(plain "/var/lib/portsip/dataflow")" -a "$PBX_IP_ADDRESS" -x "$PRI_IP_ADDRESS" "${public[@]}"
}

step_18() { docker image prune -a -f --filter label=product=PBX; }

step_19() {
  info "stop the data flow"
  docker stop -t 300 "$WRITER"
  docker stop -t 300 "$DATABASE"
}

step_20() {
  info "start the data flow"
  exists "$DATABASE" || { echo 'service "database" has no container to start' >&2 && exit 1; }
  docker start "$DATABASE" "$WRITER"
}

step_21() {
  info "remove the data flow"
  remove "$WRITER" "$DATABASE"
  rm -f "$FOLDER/docker-compose.yml"
}
