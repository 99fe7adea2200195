# shellcheck shell=bash
# Where everything lies; the scripts share these names.
# shellcheck disable=SC2034

PREFIX=${PREFIX:-/opt/edge-emotion}
DESTDIR=${DESTDIR:-}
# apt's Python, whatever else is on PATH: picamera2 is there for no other.
PYTHON=${PYTHON:-/usr/bin/python3}
# How long a version may take until it has processed its first frame. systemd's own limit, TimeoutStartSec, is less; this
# one is for a service that asks for more time again and again, because it waits for a camera.
ready_s=${READY_SECONDS:-300}

root=$DESTDIR$PREFIX
versions=$root/versions
config=/etc/edge-emotion/edge.toml
token=/etc/edge-emotion/web-token
unit=edge-emotion.service
unit_file=$DESTDIR/etc/systemd/system/$unit
drop_ins=$unit_file.d
command_link=$DESTDIR/usr/local/bin/edge-emotion

# systemctl is called on the machine that runs it. Below DESTDIR nothing is, unless SYSTEMCTL names a program.
has_systemd() {
    [ -n "${SYSTEMCTL:-}" ] || { [ -z "$DESTDIR" ] && command -v systemctl >/dev/null; }
}

is_booted() { # with systemd; not so in a root file system that is only being prepared
    [ -n "${SYSTEMCTL:-}" ] || { has_systemd && [ -d /run/systemd/system ]; }
}

control() { "${SYSTEMCTL:-systemctl}" "$@"; }

is_packaged() { # dpkg brings unit, command and apt's packages
    [ -e "$DESTDIR/usr/lib/systemd/system/$unit" ]
}

current_release() { # the name of the version that runs; empty where there is none
    [ ! -L "$root/current" ] || basename "$(readlink "$root/current")"
}

is_complete() { [ -e "$versions/$1/complete" ]; }
