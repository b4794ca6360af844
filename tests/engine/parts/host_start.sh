#!/bin/bash
# First process of a host of the lab. /etc/lab holds what differs: `password`, `addresses` (further ones), `dockerd`
# (options of Docker's engine; it is started where it is installed).
set -e
printf 'pbx:%s\n' "$(</etc/lab/password)" | chpasswd
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
for address in $(</etc/lab/addresses); do ip addr add "$address" dev eth0; done
echo 'nameserver 127.0.0.1' >/etc/resolv.conf # no names here: else a lookup would wait for a server outside
mkdir -p /run/sshd
chronyd -x >/dev/null # tells the time, but leaves the clock of the machine alone
/usr/sbin/sshd
if [ -e /etc/lab/dockerd ]; then mount -o remount,rw,bind /proc/sys; fi
if [ -x /usr/local/sbin/start-docker ]; then start-docker; fi
touch /run/lab-ready
# Take in whatever loses its parent, as every first process has to.
trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait $! || true
done
