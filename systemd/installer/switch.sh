# shellcheck shell=bash
# Switches to a version, and returns to the previous one if it does not start.

go_back_to=""
still_waiting=124

switch_to() { # RELEASE
    local before active="" as_it_was
    before=$(current_release)
    as_it_was=$(unit_text)
    step "installing $unit" put_unit "$1"
    if [ -z "$before" ] && [ -n "$use_start" ] && has_systemd; then
        step "enabling $unit" quietly control enable "$unit"
    fi
    if [ -n "$use_start" ] && is_booted && control is-active --quiet "$unit"; then active=1; fi
    [ -z "$active" ] || [ -n "$dry_run" ] || [ "$before" = "$1" ] || go_back_to=$before
    [ "$before" = "$1" ] || step "switching $root/current to $1" point_to "$1"
    is_packaged || step "linking the command $command_link" link_command
    if [ -z "$use_start" ] || ! is_booted; then
        return
    elif [ "$before" = "$1" ] && [ -n "$active" ] && [ "$as_it_was" = "$(unit_text)" ]; then
        say "$unit is already running"
    else
        step "starting $unit, and waiting until it is ready" restart "$1"
    fi
    [ -z "$(instances)" ] || step "restarting the instances that run" restart_instances
}

put_unit() { # RELEASE: installs that version's unit and drop-ins
    local from=$versions/$1/systemd
    is_packaged || put_with_prefix "$from/$unit" "$unit_file"
    put_drop_in "$from" backoff "" # of an earlier version, which waited up to five minutes before a restart
    # systemd does not start a unit with a group that does not exist.
    put_drop_in "$from" pins "$(! getent group gpio i2c spi >/dev/null || echo yes)"
    put_drop_in "$from" network "$(sinks_on_network "$1" "$config")"
    put_template "$1"
    ! is_booted || quietly control daemon-reload
}

put_template() { # RELEASE: installs that version's template, and the drop-ins of each instance
    local from=$versions/$1/systemd name drop_ins # the last one for put_drop_in
    if [ ! -e "$from/$template" ]; then # a version from before there was one
        is_packaged || rm -f -- "$template_file"
        return
    fi
    is_packaged || put_with_prefix "$from/$template" "$template_file"
    for name in $(instances); do
        drop_ins=$(drop_ins_of "$name")
        put_drop_in "$from" pins "$(! getent group gpio i2c spi >/dev/null || echo yes)"
        [ ! -e "$drop_ins/pins.conf" ] || quietly sed -i "s|=-/run/edge-emotion$|=-/run/edge-emotion@%i|" "$drop_ins/pins.conf"
        put_drop_in "$from" network "$(sinks_on_network "$1" "${config%/*}/$name.toml")"
    done
}

restart_instances() { quietly control try-restart --no-block "edge-emotion@*.service"; }

unit_text() { cat "$unit_file" "$drop_ins"/*.conf 2>/dev/null || true; }

sinks_on_network() { # RELEASE CONFIG: what needs a network: enabled sinks, and the source if it is a URL
    "$versions/$1/venv/bin/python" -I - "$DESTDIR$2" 2>/dev/null <<END || true
import pathlib, sys
from edge.settings.load import read_settings
try:
    from edge.doctor.service import sinks_on_network
except ImportError: # a version from before the module was merged, to which an upgrade may return
    from edge.doctor.network import sinks_on_network
print(*sinks_on_network(read_settings(pathlib.Path(sys.argv[1]))))
END
}

put_drop_in() { # FOLDER NAME WANTED
    local to=$drop_ins/$2.conf
    if [ -n "$3" ]; then
        put_with_prefix "$1/edge-emotion-$2.conf" "$to"
    else
        rm -f -- "$to"
    fi
}

put_with_prefix() { # FROM TO: replaces the default prefix by PREFIX
    put "$1" "$2"
    [ "$PREFIX" = /opt/edge-emotion ] || quietly sed -i "s|/opt/edge-emotion|$PREFIX|g" "$2"
}

point_to() { # RELEASE: atomic, so there is always a current version
    quietly ln -sfn "versions/$1" "$root/current.part"
    quietly mv -T "$root/current.part" "$root/current"
}

link_command() {
    quietly mkdir -p "$(dirname "$command_link")"
    quietly ln -sfn "$PREFIX/current/venv/bin/edge-emotion" "$command_link"
}

restart() { # RELEASE
    local result=0 reason since
    since=@$(date +%s)
    control reset-failed "$unit" >/dev/null 2>&1 || true
    await_ready || result=$?
    if [ "$result" = 0 ]; then
        go_back_to=""
        return
    fi
    reason=$(why "$since")
    if [ -n "$go_back_to" ]; then
        fail 4 "version $1 did not become ready: $reason"
    elif [ "$result" = "$still_waiting" ]; then
        warn "installed and started, but not ready yet: $reason"
    else
        warn "installed, but it does not run: $reason: edge-emotion doctor shows what is wrong"
    fi
}

await_ready() { # without a camera the service asks systemd for more time, without end
    local deadline=$((SECONDS + ready_s))
    control restart --no-block "$unit" >"$log" 2>&1 || return
    while has_job; do
        if [ "$SECONDS" -ge "$deadline" ] || { [ -z "$go_back_to" ] && lacks_camera; }; then
            return "$still_waiting"
        fi
        sleep 0.5
    done
    control is-active --quiet "$unit"
}

has_job() { # whether it is stopping or starting
    case $(control show --value -p Job "$unit" 2>/dev/null) in
        "" | 0) return 1 ;;
    esac
}

lacks_camera() { [[ $(control show --value -p StatusText "$unit" 2>/dev/null) == "camera lost"* ]]; }

why() { # SINCE: the last error in the journal, or else the service's status
    local reason
    reason=$(journalctl --since "$1" --priority err --output cat --lines 1 --quiet "_SYSTEMD_UNIT=$unit" 2>/dev/null) || true
    reason=${reason:-$(control show --value -p StatusText "$unit" 2>/dev/null)} || true
    echo "${reason:-journalctl -u $unit shows why}"
}

go_back() { # --rollback
    local before after
    before=$(current_release)
    after=$(previous_release)
    [ -n "$after" ] || fail 2 "expected a version before ${before:-this one} in $versions, found none"
    take_lock
    switch_to "$after"
    [ -n "$dry_run" ] || say "version $after is now current instead of $before"
}

previous_release() { # the newest complete version that is not current
    local folder
    [ -d "$versions" ] || return 0
    find "$versions" -mindepth 2 -maxdepth 2 -name complete -printf '%T@ %h\n' | sort -rn |
        while read -r _ folder; do
            [ "${folder##*/}" = "$(current_release)" ] || { echo "${folder##*/}"; break; }
        done
}

prune() { # keeps one previous version
    local kept folder
    kept=$(previous_release)
    for folder in "$versions"/*; do
        case ${folder##*/} in
            "$(current_release)" | "$release" | "$kept" | '*') ;;
            *) step "removing ${folder##*/}" rm -rf -- "$folder" ;;
        esac
    done
}

on_exit() {
    local code=$?
    trap '' HUP INT TERM
    if [ -n "$building" ]; then rm -rf -- "$building"; fi
    if [ -n "$go_back_to" ]; then
        say "returning to version $go_back_to"
        point_to "$go_back_to"
        put_unit "$go_back_to"
        await_ready || warn "version $go_back_to does not start either: edge-emotion doctor"
    fi
    if [ "$code" -gt 128 ]; then
        printf 'error: interrupted: the previous version still runs; run this again\n' >&2
    elif [ "$code" != 0 ] && [ -z "$failed" ]; then
        printf 'error: unexpected failure (%s): the previous version still runs\n' "$(tail -1 "$log")" >&2
    fi
    rm -f -- "$log"
    exit "$code"
}
