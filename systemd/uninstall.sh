#!/usr/bin/env bash
# Removes edge-emotion; configuration and logs stay unless `--purge` is given.
set -euo pipefail

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # paths.sh reads it
started_in=$PWD
cd / # so that nothing is read from a folder that others may write to
# shellcheck source=SCRIPTDIR/installer/say.sh
. "$source_root/systemd/installer/say.sh"
# shellcheck source=SCRIPTDIR/installer/paths.sh
. "$source_root/systemd/installer/paths.sh"
# shellcheck source=SCRIPTDIR/installer/check.sh
. "$source_root/systemd/installer/check.sh"

main() {
    dry_run="" purge=""
    while (($#)); do
        case $1 in
            --dry-run) dry_run=1 ;;
            --purge) purge=1 ;;
            -h | --help)
                echo "usage: sudo $0 [--dry-run] [--purge]: removes the service; with --purge also its configuration and logs"
                exit 0
                ;;
            *) fail 2 "expected --dry-run or --purge, found $1" ;;
        esac
        shift
    done
    check_user
    # dpkg sets the name of the package whose script calls this one.
    ! is_packaged || [ -n "${DPKG_MAINTSCRIPT_PACKAGE:-}" ] ||
        fail 2 "expected an installation by install.sh, found a Debian package: sudo apt remove edge-emotion"
    ! is_booted || step "stopping $unit" stop
    step "removing $unit" remove_unit
    step "removing $root" remove_versions
    remove "$command_link"
    remove "$DESTDIR/var/lib"/{,private/}edge-emotion{,@*}
    if [ -n "$purge" ]; then
        remove "$drop_ins" "$DESTDIR/etc/systemd/system"/edge-emotion@*.service.d "$DESTDIR${config%/*}" \
            "$DESTDIR/var/log"/{,private/}edge-emotion{,@*}
    else
        local purged="--purge removes"
        ! is_packaged || purged="sudo apt purge edge-emotion removes"
        say "kept: ${config%/*}, /var/log/edge-emotion and your own changes of the unit ($purged them)"
    fi
}

stop() { control stop "$unit" "edge-emotion@*.service" >/dev/null 2>&1 || true; }

remove_unit() {
    local link folder
    ! has_systemd || control disable "$unit" >/dev/null 2>&1 || true
    for link in "$DESTDIR/etc/systemd/system/multi-user.target.wants"/edge-emotion@*.service; do
        [ ! -L "$link" ] || rm -f -- "$link"
    done
    rm -f -- "$unit_file" "$template_file"
    for folder in "$drop_ins" "$DESTDIR/etc/systemd/system"/edge-emotion@*.service.d; do
        [ -d "$folder" ] || continue
        rm -f -- "$folder"/{backoff,pins,network}.conf
        rmdir --ignore-fail-on-non-empty "$folder" # files that the user has added stay
    done
    ! is_booted || control daemon-reload
}

remove_versions() { # only what the installer has created
    rm -rf -- "$versions" "$root/current" "$root/current.part" "$root/.lock"
    [ ! -d "$root" ] || rmdir --ignore-fail-on-non-empty "$root"
}

remove() { # PATH...
    local path
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then step "removing $path" rm -rf -- "$path"; fi
    done
}

trap 'rm -f -- "$log"' EXIT
main "$@"
