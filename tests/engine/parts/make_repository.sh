#!/bin/bash
# make_repository.sh FOLDER: a folder from which apt installs `docker-ce` without asking anybody outside. That package
# is the distribution's docker.io under the name of Docker's own (the two exclude each other), with docker compose, with
# pigz (which halves the time of a pull), and with the start of the engine: there is no systemd here that would do it.
set -e
folder=$1
here=$(dirname "$0")
mkdir -p "$folder/partial"
apt-get install -y -qq --no-install-recommends --download-only -o Dir::Cache::archives="$folder" docker.io iptables pigz
rm -rf "$folder/partial" "$folder/lock"

tree=$(mktemp -d)
dpkg-deb --raw-extract "$folder"/docker.io_*.deb "$tree"
rm "$folder"/docker.io_*.deb "$tree/DEBIAN/md5sums"
sed -i -E '/^(Conflicts|Breaks|Replaces|Recommends|Suggests|Source):/d; s/^Package: .*/Package: docker-ce/
  s|^Depends: (iptables, )?|Depends: iptables, pigz, |' "$tree/DEBIAN/control"
printf '[ ! -e /run/lab-ready ] || /usr/local/sbin/start-docker\n' >>"$tree/DEBIAN/postinst"
install -D -m 755 "$here/docker-compose" "$tree/usr/lib/docker/cli-plugins/docker-compose"
install -D -m 755 "$here/start_docker.sh" "$tree/usr/local/sbin/start-docker"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$folder/docker-ce.deb" >/dev/null
rm -rf "$tree"

cd "$folder"
for file in *.deb; do
  dpkg-deb --field "$file"
  sum=$(sha256sum "$file")
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "${sum%% *}"
done >Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo "deb [trusted=yes] file:$folder ./" >/etc/apt/sources.list
apt-get update -qq
