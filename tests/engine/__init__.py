"""The lab: the same stories on real parts, `make lab-test`, or `python -m tests.engine` for a person.

    worker (this process) ── ssh ──▶ pbx01, pbx02, pbx03      Debian with sshd, sudo, chrony: containers
         │                              │ ssh, with the key that the flow installed
         │                              ▼
         └── ssh, docker dial-stdio ▶ dataflow01              the same, with a Docker engine of its own inside
                                        │ docker compose      `portsip.clickhouse`, `portsip.dataflow`: real containers
                                        ▼
                                      registry                Debian's docker-registry, as mirror of Docker Hub

All of it hangs on one outer Docker engine that the lab starts for itself (`engine.py`: own folders, own socket, no
bridge and no firewall rules of Docker's). Nothing listens outside of this machine: what is reached through this process
(the PBX's REST API at the virtual IP, the registry, ClickHouse for the test's own questions) goes through sockets made
inside the hosts' network namespaces (`namespaces.py`).

Real: sshd, sudo, chrony, systemctl on unit files, ip, ss, lsblk, dpkg, apt-get from a folder; dockerd, containerd,
runc, docker compose, the registry; the ClickHouse 24.8 and 25.8 servers (of PyPI's chdb). Standing in, as in the
sandbox: the PBX's REST API, the vendor's `dataflow.sh`, the Data Flow program. Not there: systemd as first process, so
`systemctl start` and `timedatectl` have nobody to ask; the clock is told by chrony, which calls its own clock right.

It needs root, Linux, and `apt-get install --no-install-recommends docker.io docker-registry debootstrap iptables
iproute2`. The first start makes images (`base.py`, `images.py`), pushes them (`registry.py`) and installs once
with the script (`kept.py`): about five minutes, kept below the user's cache folder. A later lab is up in seconds.
Several processes may share one engine (`shared.py`), as the workers of `make lab-test` do; each has its labs, its
registry and its ranges of addresses.
"""
