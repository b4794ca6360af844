ARG BASE
FROM $BASE
RUN groupadd --gid 101 clickhouse && useradd --no-create-home --uid 101 --gid 101 clickhouse
# As in the vendor's image: a container may run as any user.
RUN install -d -m 777 /etc/clickhouse-server /var/log/clickhouse-server
ARG VERSION
COPY engine /usr/lib/clickhouse
COPY program /usr/local/lib/clickhouse
ENV CLICKHOUSE_VERSION=$VERSION CLICKHOUSE_WATCHDOG_ENABLE=0
LABEL com.clickhouse.build.version=$VERSION
EXPOSE 8123 9000
VOLUME /var/lib/clickhouse
ENTRYPOINT ["/usr/bin/python3", "-S", "-E", "/usr/local/lib/clickhouse/clickhouse_entry.py"]
