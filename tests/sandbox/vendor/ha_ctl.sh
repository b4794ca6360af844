#!/bin/bash
# Stand-in of the sandbox for the vendor's ha_ctl.sh: status, show, master, and stop|start|restart -s pbx.
# What `status` or `show` print can be replaced by <root>/etc/sandbox-ha-status and <root>/etc/sandbox-ha-show.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
variable() { sed -n "s/^$1: *\([^ ]*\).*/\1/p" res/vars.yml; }
one=$(variable pbx01_hostname) two=$(variable pbx02_hostname) three=$(variable pbx03_hostname)

status() {
  cat <<END
drbd_attr    (ocf::linbit:drbd-attr):    Started $one
 Master/Slave Set: drbd_devpath-clone [drbd_devpath]
     Masters: [ $one ]
     Slaves: [ $two $three ]
 vip    (ocf::heartbeat:IPaddr2):    Started $one
 src_pkt_ip    (ocf::heartbeat:IPsrcaddr):    Started $one
 datapath_fs    (ocf::heartbeat:Filesystem):    Started $one
 pbx    (ocf::portsip:pbx):    Started $one
END
}

show() {
  cat <<END
Cluster name: ha_cluster
Stack: corosync
Current DC: $one (version 2.1.6-6fdc9deea29) - partition with quorum
3 nodes configured
8 resource instances configured

Online: [ $one $two $three ]

Full list of resources:

END
  status | sed 's/^/  /'
  printf '\nDaemon Status:\n  corosync: active/enabled\n  pacemaker: active/enabled\n  pcsd: active/enabled\n'
}

case ${1-} in
status | show)
  if [ -f "$SANDBOX_ROOT/etc/sandbox-ha-$1" ]; then cat "$SANDBOX_ROOT/etc/sandbox-ha-$1"; else "$1"; fi
  ;;
master) echo "master node: $one" ;;
start) echo 'enable resource pbx' ;;
stop) echo 'disable resource pbx' ;;
restart)
  printf '%s\n' 'try to restart resource pbx' 'disable resource pbx' "resource 'pbx' is not running on any node" \
    'enable resource pbx'
  ;;
*) printf '[error]: unknown command %s\n' "${1-}" ;;
esac
