#!/bin/bash
# What a test host does from power on to sshd. Runs as PID 1 of fresh pid, mount, uts and ipc namespaces.
# usage: boot.sh DISK HOSTNAME ADDRESS
#   DISK/upper, DISK/work   what the host has written over this machine's own root file system
#   DISK/home               the home of its root user; holds .ssh/authorized_keys
#   DISK/host_key           what sshd proves its identity with
set -eu
disk=$1 name=$2 address=$3
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount --bind "$disk/home" root
# Open to every user, as udev makes it.
if [ -e dev/net/tun ]; then
    mknod -m 666 run/tun c 10 200
    mount --bind run/tun dev/net/tun
fi
mkdir -p run/sshd run/old
install -m 600 "$disk/host_key" run/host_key
hostname "$name"
echo "$name" > etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" > etc/hosts
pivot_root . run/old
umount -l /run/old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -f /dev/null \
    -h /run/host_key -o UsePAM=no -o PasswordAuthentication=no -o PermitRootLogin=prohibit-password
