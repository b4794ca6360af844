"""The cluster in a box: hosts, PBX, Docker engine and ClickHouse behind real sockets on loopback."""
