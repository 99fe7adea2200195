#!/usr/bin/env bash
# Installs or upgrades edge-emotion as a service; see `--help`.
set -euo pipefail

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started_in=$PWD
cd / # so that nothing is read from a folder that others may write to
# shellcheck source=SCRIPTDIR/installer/say.sh
. "$source_root/systemd/installer/say.sh"
# shellcheck source=SCRIPTDIR/installer/paths.sh
. "$source_root/systemd/installer/paths.sh"
# shellcheck source=SCRIPTDIR/installer/check.sh
. "$source_root/systemd/installer/check.sh"
# shellcheck source=SCRIPTDIR/installer/apt.sh
. "$source_root/systemd/installer/apt.sh"
# shellcheck source=SCRIPTDIR/installer/build.sh
. "$source_root/systemd/installer/build.sh"
# shellcheck source=SCRIPTDIR/installer/configure.sh
. "$source_root/systemd/installer/configure.sh"
# shellcheck source=SCRIPTDIR/installer/switch.sh
. "$source_root/systemd/installer/switch.sh"

usage() {
    cat <<END
usage: sudo $0 [--dry-run] [--wheels FOLDER] [--no-apt] [--no-start] [--rollback]

Installs the service into $PREFIX, with its configuration in $config, and starts it. If it is
installed already, it is upgraded: the running version continues until the new one has passed its self-test, and is
restored if the new one does not start.

  --dry-run        print each step, and do nothing
  --wheels FOLDER  install Python packages from FOLDER, not from the network (default: the archive's wheels, if any)
  --no-apt         install no apt packages
  --no-start       neither enable nor start the service
  --rollback       return to the previous version, which an upgrade keeps

PREFIX sets another folder. DESTDIR installs below a folder, and does not change the machine itself.
exit codes: 0 success, 2 cannot be installed on this machine, 3 a step failed, 4 the new version failed its self-test or
did not start; after 2, 3 and 4 the previous version still runs.
END
}

read_options() {
    while (($#)); do
        case $1 in
            --dry-run) dry_run=1 ;;
            --wheels) (($# > 1)) || fail 2 "expected a folder after --wheels, found none"; wheels=$(from_start "$2"); shift ;;
            --no-apt) use_apt="" ;;
            --no-start) use_start="" ;;
            --rollback) rollback=1 ;;
            -h | --help) usage; exit 0 ;;
            *) fail 2 "expected an option of $0 --help, found $1" ;;
        esac
        shift
    done
}

main() {
    dry_run="" use_apt=1 use_start=1 rollback="" wheels=""
    [ ! -d "$source_root/wheels" ] || wheels=$source_root/wheels
    read_options "$@"
    if [ -n "$DESTDIR" ] || is_packaged; then use_apt=""; fi
    check_user
    if [ -n "$rollback" ]; then
        go_back
        return
    fi
    check_system
    check_python
    check_wheels
    check_files
    take_lock
    [ -z "$use_apt" ] || install_packages
    name_release
    ! is_damaged "$release" || build_beside
    if is_complete "$release"; then
        say "version $release is already built"
    else
        build_release
    fi
    configure
    switch_to "$release"
    prune
    say_end
}

say_end() {
    [ -z "$dry_run" ] || { say "nothing was changed: this was a dry run"; return; }
    say "version $release is installed: edge-emotion status, edge-emotion doctor, journalctl -u edge-emotion"
}

trap on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
main "$@"
