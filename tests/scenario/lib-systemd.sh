# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A real systemd for scenarios: a container (systemd-nspawn) whose root is an overlay over this machine's own, so that it
# has all programs that the machine has and changes none of its files. Needs root, systemd-container and dbus.
#
#   . tests/scenario/lib-systemd.sh
#   sd_setup DIR          once; DIR (on tmpfs or disk) gets everything; the container's files are then at $SD_ROOT
#   sd_boot               starts it and waits until it is up ("running" or "degraded"); SD_WAIT=no: only until systemd answers
#   sd_run CMD...         runs CMD inside, in all its namespaces; exit status of CMD
#   sd_reboot             orderly reboot; files are kept, /run is not
#   sd_crash              kill -9 of the container's first process: all in it ends at once, as with a crash of the machine;
#                         then boots again. (Not a power cut: the page cache survives.)
#   sd_kill               the first half of sd_crash: leaves it down
#   sd_power_returns      after its disk was shut down and it has ended: what was on the disk is there again, and nothing else.
#                         Needs SD_DISK=xfs (or ext4) at sd_setup: the container's files are on such a disk then
#   sd_poweroff           orderly end
#   sd_teardown           poweroff if need be; unmounts; removes cgroups. Also to be called by trap
#
# Several may run at once, each in its own DIR and network (only "lo").

SD_UP_S=${SD_UP_S:-30}

sd_die() {
    echo "lib-systemd: $*" >&2
    return 1
}

sd_setup() { # sd_setup DIR [LOWER]: LOWER replaces the machine's own root
    SD_DIR=$1
    SD_LOWER=${2:-/}
    SD_ROOT=$SD_DIR/root
    SD_GROUP=liftlock-test.$$
    SD_PID=
    SD_NSPAWN=
    for sd_need in systemd-nspawn nsenter pgrep dbus-daemon; do
        command -v "$sd_need" >/dev/null || sd_die "missing: $sd_need" || return 1
    done
    [ "$(id -u)" = 0 ] || sd_die "needs root" || return 1
    mkdir -p "$SD_DIR/disk" "$SD_ROOT"
    # An overlay's upper side may not lie on another overlay; a tmpfs will do everywhere.
    if [ "${SD_DISK:-tmpfs}" = tmpfs ]; then
        mount -t tmpfs -o mode=755 liftlock-test "$SD_DIR/disk" || return 1
    else
        truncate -s 2G "$SD_DIR/image" && "mkfs.$SD_DISK" -q "$SD_DIR/image" >/dev/null && sd_mount_disk || return 1
    fi
    mkdir "$SD_DIR/disk/upper" "$SD_DIR/disk/work"
    sd_mount_root || return 1
    sd_write_launcher
    sd_furnish
}

sd_mount_disk() {
    sd_options=loop
    [ "$SD_DISK" != xfs ] || sd_options=loop,nouuid # its copy, or the one before it
    mount -o "$sd_options" "$SD_DIR/image" "$SD_DIR/disk"
}
sd_mount_root() {
    mount -t overlay -o "lowerdir=$SD_LOWER,upperdir=$SD_DIR/disk/upper,workdir=$SD_DIR/disk/work" liftlock-test "$SD_ROOT"
}

sd_furnish() { # nothing of the machine's starts inside, and nothing waits for a terminal
    rm -rf "$SD_ROOT"/etc/systemd/system/*.wants "$SD_ROOT"/etc/systemd/system/*.requires
    for sd_unit in console-getty.service systemd-resolved.service systemd-networkd.service; do
        ln -sf /dev/null "$SD_ROOT/etc/systemd/system/$sd_unit"
    done
    echo 0123456789abcdef0123456789abcdef >"$SD_ROOT/etc/machine-id"
    mkdir -p "$SD_ROOT/etc/systemd/system.conf.d"
    printf '[Manager]\nDefaultEnvironment=G_DEBUG=fatal-criticals\n' >"$SD_ROOT/etc/systemd/system.conf.d/tests.conf"
}

sd_write_launcher() { # a program of its own, that moves itself: the container's groups must not be the machine's
    cat >"$SD_DIR/launch" <<'END'
group=$1
shift
for hierarchy in unified systemd; do
    [ -d "/sys/fs/cgroup/$hierarchy" ] || continue
    mkdir -p "/sys/fs/cgroup/$hierarchy/$group" && echo $$ >"/sys/fs/cgroup/$hierarchy/$group/cgroup.procs" || exit 1
done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$group/top" && echo $$ >"/sys/fs/cgroup/$group/top/cgroup.procs" || exit 1
fi
exec systemd-nspawn -q --boot --register=no --keep-unit --private-network --console=pipe --machine="$group" \
    --resolv-conf=off --timezone=off "$@"
END
}

sd_launch() {
    # SD_BIND: more arguments for nspawn, such as --bind=DIR (/tmp and /run inside are fresh); split on purpose.
    # shellcheck disable=SC2086
    sh "$SD_DIR/launch" "$SD_GROUP" -D "$SD_ROOT" ${SD_BIND:-} </dev/null >>"$SD_DIR/console" 2>&1 &
    SD_NSPAWN=$!
}

sd_is_up() {
    SD_PID=$(pgrep -P "$SD_NSPAWN" | tail -n 1)
    [ -n "$SD_PID" ] || return 1
    sd_state=$(sd_run systemctl is-system-running 2>/dev/null)
    case $sd_state in
        running | degraded) return 0 ;;
        starting | initializing | maintenance) [ "${SD_WAIT:-yes}" = no ] ;;
        *) return 1 ;;
    esac
}

sd_boot() {
    sd_launch
    sd_tries=$((SD_UP_S * 20))
    until sd_is_up; do
        sd_tries=$((sd_tries - 1))
        if [ "$sd_tries" = 0 ] || ! kill -0 "$SD_NSPAWN" 2>/dev/null; then
            tail -n 20 "$SD_DIR/console" >&2
            sd_die "the container does not come up"
            return 1
        fi
        sleep 0.05
    done
}

sd_run() {
    nsenter -t "$SD_PID" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        G_DEBUG=fatal-criticals "$@"
}

sd_wait_down() {
    wait "$SD_NSPAWN" 2>/dev/null
    SD_PID=
    SD_NSPAWN=
}

sd_poweroff() {
    sd_run systemctl --no-block poweroff 2>/dev/null
    sd_wait_down
}

sd_reboot() { # nspawn ends on a reboot (status 133) and is started again by us
    sd_run systemctl --no-block reboot 2>/dev/null
    sd_wait_down
    sd_boot
}

sd_kill() {
    kill -KILL "$SD_PID"
    sd_wait_down
}

sd_crash() {
    sd_kill
    sd_boot
}

# A mount namespace that somebody else made meanwhile may still hold the dead file system: a second mount of the same image
# would be that one. So it is a copy that comes back.
sd_power_returns() {
    umount "$SD_ROOT" && umount "$SD_DIR/disk" && cp --sparse=always --reflink=auto "$SD_DIR/image" "$SD_DIR/image.new" &&
        mv "$SD_DIR/image.new" "$SD_DIR/image" && sd_mount_disk && sd_mount_root
}

sd_teardown() {
    if [ -n "${SD_NSPAWN:-}" ]; then
        if [ -n "${SD_PID:-}" ]; then kill -KILL "$SD_PID" 2>/dev/null; else kill "$SD_NSPAWN" 2>/dev/null; fi
        sd_wait_down
    fi
    [ -n "${SD_DIR:-}" ] || return 0
    umount "$SD_ROOT" 2>/dev/null || umount -l "$SD_ROOT" 2>/dev/null
    umount "$SD_DIR/disk" 2>/dev/null || umount -l "$SD_DIR/disk" 2>/dev/null
    for sd_h in unified systemd .; do
        [ ! -d "/sys/fs/cgroup/$sd_h/$SD_GROUP" ] || find "/sys/fs/cgroup/$sd_h/$SD_GROUP" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    rm -f "$SD_DIR/launch" "$SD_DIR/image"
    rmdir "$SD_ROOT" "$SD_DIR/disk" 2>/dev/null
    return 0
}
