# shellcheck shell=bash
# Installs packages with apt.

install_packages() {
    local missing=()
    [ -n "$(pip_wheel)" ] || "$PYTHON" -I -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    has_package python3-picamera2 || missing+=(python3-picamera2)
    [ "${#missing[@]}" -gt 0 ] || return 0
    step "updating apt's package lists" update_lists
    local package
    for package in "${missing[@]}"; do
        if [ -n "$dry_run" ]; then
            say "installing $package with apt, if its lists have it, without recommended packages"
        elif is_offered "$package"; then
            step "installing $package with apt, without recommended packages" apt_install "$package"
        else
            do_without "$package"
        fi
    done
}

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

is_offered() { [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }

update_lists() { # without --error-on apt reports success even without a network
    apt-get update -qq --error-on=any >"$log" 2>&1 </dev/null ||
        warn "apt's package lists cannot be updated ($(grep -m 1 '^[EW]:' "$log")): continuing with those on this machine"
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >"$log" 2>&1 </dev/null ||
        do_without "$1"
}

do_without() {
    case $1 in
        python3-picamera2) warn "python3-picamera2 cannot be installed: USB cameras will work, but no camera on the ribbon cable" ;;
        *) fail 3 "expected $1, found that apt cannot install it: connect a network, or use the release archive" ;;
    esac
}
