# The steps of the stand-in for dataflow.sh that run on the server, in the form for a real engine: `docker compose` does
# the work. vendor.install(…, compose=True) puts them into dataflow.sh; numbers and names are those of on_server.sh.
NOFILE=${NOFILE:-655360}       # open files of ClickHouse; not every machine allows that many
WRITER_MOUNT=${WRITER_MOUNT:-} # FOLDER:FOLDER, one more bind mount of the writer
FUNCTIONS_ON_SERVER='password_of exists compose down put quoted database_service writer_service initdt_service volume
  volumes'
VARIABLES_ON_SERVER='NOFILE WRITER_MOUNT'

password_of() { # password_of FILE: without the key in [dataflow] this finds a later section's, or nothing
  sudo -n sed -n '/^\[dataflow\]/,$ s/^password *= *//p' "$1" | head -n 1
}

exists() { sudo -n test -e "$1"; }

put() { sudo -n tee "$1" >/dev/null; } # put FILE: write what comes in, as root

quoted() { # quoted TEXT: for the compose file, where $ and ' have a meaning
  local text=${1//\$/\$\$}
  printf "'%s'" "${text//\'/\'\'}"
}

compose() { # compose init|all WORD...: docker compose with one of the two files
  local file=docker-compose.yml
  if [ "$1" = init ]; then file=docker-compose-portsip-dataflow-init.yml; fi
  shift
  docker compose -f "$FOLDER/$file" "$@"
}

down() { # the containers and the named volumes go; the folders behind those stay
  if exists "$FOLDER/docker-compose.yml"; then compose all down -v; fi
}

database_service() { # database_service PASSWORD
  cat <<END
  database:
    image: $(quoted "$DB_IMG")
    container_name: $DATABASE
    network_mode: host
    restart: unless-stopped
    user: root
    environment:
      - CLICKHOUSE_DB=default
      - CLICKHOUSE_USER=default
      - CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT=1
      - $(quoted "CLICKHOUSE_PASSWORD=$1")
    volumes:
      - database-data:/var/lib/clickhouse
      - database-log:/var/log/clickhouse-server
    cap_add: [NET_ADMIN, SYS_NICE, IPC_LOCK]
    ulimits: {nofile: {soft: $NOFILE, hard: $NOFILE}}
    healthcheck:
      test: [CMD-SHELL, 'wget --spider -q http://localhost:8123/ping || exit 1']
      interval: $HEALTH_INTERVAL
      timeout: 3s
      retries: 3
      start_period: 5s
END
}

initdt_service() {
  cat <<END
  initdt:
    image: $(quoted "$DATAFLOW_IMG")
    container_name: $INITDT
    network_mode: host
    user: portsip
    command: [initdt_dataflow.sh, initdt]
    volumes:
      - dataflow-data:/var/lib/portsip/dataflow
END
}

writer_service() {
  local public=''
  if [ -n "$PUB_IP_ADDRESS" ]; then public=", -z, $(quoted "$PUB_IP_ADDRESS")"; fi
  cat <<END
  dataflow:
    image: $(quoted "$DATAFLOW_IMG")
    container_name: $WRITER
    network_mode: host
    restart: unless-stopped
    user: portsip
    depends_on: {database: {condition: service_healthy}}
    command: [/usr/local/bin/dataflow, serve, -D, /var/lib/portsip/dataflow, -a, $(quoted "$PBX_IP_ADDRESS"), -x,
      $(quoted "$PRI_IP_ADDRESS")$public]
    volumes:
      - dataflow-data:/var/lib/portsip/dataflow
END
  if [ -n "$WRITER_MOUNT" ]; then printf '      - %s\n' "$(quoted "$WRITER_MOUNT")"; fi
}

volume() { # volume NAME FOLDER: a named volume that is a folder of the host
  printf '  %s:\n    driver: local\n    driver_opts: {type: none, o: bind, device: %s}\n' "$1" "$(quoted "$2")"
}

volumes() {
  echo volumes:
  volume database-data "$DATA_PATH/clickhouse/data"
  volume database-log "$DATA_PATH/clickhouse/log"
  volume dataflow-data "$DATA_PATH/dataflow"
}

step_3() { docker inspect "$WRITER" >/dev/null; }

step_4() { sudo -n cat "$FOLDER/.configure_dataflow"; }

step_5() {
  info "remove the containers"
  down
}

step_6() {
  local units='unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer'
  info "prepare $DATA_PATH on $(hostname)"
  if [ -d /run/systemd/system ]; then # a container has nothing that would upgrade packages by itself
    sudo -n systemctl stop $units
    sudo -n systemctl mask $units
  fi
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
  version=$(docker image inspect --format '{{ index .Config.Labels "version" }}' "$DATAFLOW_IMG")
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
  if exists "$file"; then
    info "use existed old password $(password_of "$file")"
  else
    new=$(head -c 64 /dev/urandom | base64 | tr -d '+/=\n' | cut -c 1-20)
    printf '[dataflow]\npassword=%s\n' "$new" | put "$file"
    sudo -n chmod 600 "$file"
    sudo -n chown 888:888 "$file"
    info "generate new password $new"
  fi
}

step_12() {
  local name value password
  password=$(password_of "$DATA_PATH/dataflow/system.ini")
  for name in DATA_PATH PRI_IP_ADDRESS PUB_IP_ADDRESS PBX_IP_ADDRESS DATAFLOW_IMG DB_IMG EXTEND_SVC_TYPE HUB_USER HUB_SERVER; do
    value=${!name-}
    if [ "$name" = EXTEND_SVC_TYPE ]; then value=dataflow-server-only; fi
    printf '%s=%s%s%s\n' "$name" '@QUOTE@' "$value" '@QUOTE@'
  done | put "$FOLDER/.configure_dataflow"
  { echo services: && database_service "$password" && initdt_service && volumes; } |
    put "$FOLDER/docker-compose-portsip-dataflow-init.yml"
  { echo services: && database_service "$password" && writer_service && volumes; } | put "$FOLDER/docker-compose.yml"
}

step_13() {
  info "start the database"
  down
  compose init up -d --wait --wait-timeout 60 database
}

step_14() {
  info "init database"
  compose init run -T --rm --no-deps --name "$INITDT" initdt
}

step_15() { compose init down -v; }

step_16() {
  info "start the data flow"
  compose all up -d --wait --wait-timeout 60 database
}

step_17() { compose all up -d --wait --wait-timeout 60; }

step_18() { docker image prune -a -f --filter label=product=PBX; }

step_19() {
  info "stop the data flow"
  compose all stop -t 300
}

step_20() {
  info "start the data flow"
  compose all start
}

step_21() {
  info "remove the data flow"
  down
  sudo -n rm -f "$FOLDER/docker-compose.yml" "$FOLDER/docker-compose-portsip-dataflow-init.yml"
}
