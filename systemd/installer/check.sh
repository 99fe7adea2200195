# shellcheck shell=bash
# Checks the requirements before anything is changed.

# Measured on x86-64: a version with its packages takes 290 MB, or 225 MB with apt's numpy; the rest is for pip's
# temporary files.
needed_mb=450

check_user() {
    [ -n "$dry_run$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail 2 "expected root, found $(id -un): sudo $0"
}

check_system() {
    local machine
    command -v dpkg >/dev/null ||
        fail 2 "expected Raspberry Pi OS or Debian, found a system without dpkg: use make run instead"
    # A 32-bit system often has a 64-bit kernel, so the packages' architecture is checked.
    machine=$(dpkg --print-architecture)
    case $machine in
        arm64 | amd64) ;;
        *) fail 2 "expected a 64-bit system (arm64), found $machine: install Raspberry Pi OS (64-bit)" ;;
    esac
}

check_python() {
    case $PYTHON in
        /*) ;;
        *) fail 2 "expected an absolute path in PYTHON, found $PYTHON: PYTHON=/usr/bin/python3" ;;
    esac
    [ -x "$PYTHON" ] || fail 2 "expected Python at $PYTHON, found none: sudo apt install python3"
    python_version=$("$PYTHON" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    case $python_version in
        3.11 | 3.12 | 3.13) ;;
        *) fail 2 "expected Python 3.11 to 3.13, found $python_version at $PYTHON: use Raspberry Pi OS Bookworm or Trixie" ;;
    esac
}

check_wheels() {
    [ -z "$wheels" ] || [ -d "$wheels" ] || fail 2 "expected a folder of wheels, found no such folder: $wheels"
    [ -z "$(pip_wheel)" ] || check_pip "$(pip_wheel)"
}

check_pip() { # WHEEL. pip checks the hashes of all other wheels, but runs before anything could check its own.
    local digest
    digest=$(sha256sum -- "$1") || fail 2 "expected a wheel of pip, found none that can be read: $1"
    grep -q -- "--hash=sha256:${digest%% *}\\b" "$source_root/systemd/installer/pip.txt" ||
        fail 2 "expected the pip of systemd/installer/pip.txt, found another or a changed one: $1"
}

check_files() { # checks the hashes of a release archive
    local damaged
    [ -e "$source_root/SHA256SUMS" ] || return 0
    damaged=$(cd "$source_root" && sha256sum --check --quiet SHA256SUMS 2>/dev/null | head -1) || true
    [ -z "$damaged" ] || fail 2 "expected the files of the archive as they were packed, found ${damaged%%: *} changed: unpack it again"
}

check_space() {
    local free
    free=$(df -Pm "$(existing "$root")" 2>/dev/null | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$needed_mb" ] ||
        fail 3 "expected $needed_mb MB free for $root, found $free MB: free some and run this again"
}

existing() { # PATH: the nearest folder above it that exists
    local folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

take_lock() { # two installers at once would build into the same folder
    [ -z "$dry_run" ] || return 0
    quietly mkdir -p "$versions"
    exec 9>"$root/.lock"
    flock -n 9 || fail 3 "expected no other installer, found another one working on $root: wait until it has ended"
}
