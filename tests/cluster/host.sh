#!/usr/bin/env bash
# The first process of a host (hosts.py): private folders, an SSH server, until standard input ends.
#   host.sh NAME WORLD PYTHON KEPT...
# WORLD: what a login finds at home; PYTHON: the virtual environment; KEPT: folders to keep in sight
set -euo pipefail
name=$1 world=$2
shift 2

mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
mount -t tmpfs -o mode=755 host /srv  # a home that no program confuses with the real one
mkdir -p /srv/home /srv/tmp /srv/run/sshd /srv/shm /srv/state
chmod 1777 /srv/tmp /srv/shm
for kept in "$@"; do  # a virtual environment in /tmp, say
    case $kept in /tmp/* | /run/*)
        mkdir -p "/srv$kept"
        mount --bind "$kept" "/srv$kept" ;;
    esac
done
cp -a "$world/." /srv/home/
mount --bind "$world/passwd" /etc/passwd
mount --rbind /srv/tmp /tmp
mount --rbind /srv/run /run
mount --rbind /srv/shm /dev/shm
ip link set lo up

# A node's Python, as infra/install leaves it. Links, not a mount: `installed` is the host's own.
mkdir /srv/home/venv
ln -s "$1"/* /srv/home/venv/
mv /srv/home/installed /srv/home/venv/
/usr/sbin/sshd -f /srv/home/sshd_config
echo ready
while read -r _; do :; done  # bash reaps what others leave
