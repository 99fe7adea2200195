# shellcheck shell=bash
# Defines the paths that the scripts share.
# shellcheck disable=SC2034

from_start() { # PATH: made absolute; the scripts leave the folder that they are started in
    (cd "$started_in" && realpath --canonicalize-missing --no-symlinks -- "$1")
}

PREFIX=${PREFIX:-/opt/edge-emotion}
DESTDIR=${DESTDIR:+$(from_start "$DESTDIR")}
# apt's Python, whatever else is on PATH: picamera2 is installed for no other.
PYTHON=${PYTHON:-/usr/bin/python3}
# How long a version may take to process its first frame. systemd's own limit, TimeoutStartSec, is shorter; this one is
# for a service that keeps asking for more time because it waits for a camera.
ready_s=${READY_SECONDS:-300}

root=$DESTDIR$PREFIX
versions=$root/versions
config=/etc/edge-emotion/edge.toml
token=/etc/edge-emotion/web-token
unit=edge-emotion.service
unit_file=$DESTDIR/etc/systemd/system/$unit
drop_ins=$unit_file.d
# Further cameras: edge-emotion@NAME.service with the settings NAME.toml.
template=edge-emotion@.service
template_file=$DESTDIR/etc/systemd/system/$template
command_link=$DESTDIR/usr/local/bin/edge-emotion

# systemctl is used only for the running machine: not with DESTDIR, unless SYSTEMCTL names a program.
has_systemd() {
    [ -n "${SYSTEMCTL:-}" ] || { [ -z "$DESTDIR" ] && command -v systemctl >/dev/null; }
}

is_booted() { # whether systemd runs, which it does not while a root file system is prepared
    [ -n "${SYSTEMCTL:-}" ] || { has_systemd && [ -d /run/systemd/system ]; }
}

control() { "${SYSTEMCTL:-systemctl}" "$@"; }

is_packaged() { # whether the Debian package has installed the unit, the command and apt's packages
    [ -e "$DESTDIR/usr/lib/systemd/system/$unit" ]
}

instances() { # the names of the instances that have settings
    local file
    for file in "$DESTDIR${config%/*}"/*.toml; do
        [[ ! -e $file || $file = "$DESTDIR$config" ]] || basename "$file" .toml
    done
}

drop_ins_of() { # NAME: of an instance
    echo "$DESTDIR/etc/systemd/system/edge-emotion@$1.service.d"
}

current_release() { # the name of the current version; empty if there is none
    [ ! -L "$root/current" ] || basename "$(readlink "$root/current")"
}

is_complete() { [ -e "$versions/$1/complete" ]; }
