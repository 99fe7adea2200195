# shellcheck shell=bash
# The packages that come from apt.

install_packages() {
    local missing=()
    [ -n "$(pip_wheel)" ] || "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    has_package python3-picamera2 || missing+=(python3-picamera2)
    [ "${#missing[@]}" -gt 0 ] || return 0
    step "bringing apt's lists up to date" update_lists
    local package
    for package in "${missing[@]}"; do
        if [ -n "$dry_run" ]; then
            say "installing $package with apt, where its lists have it, without what it recommends"
        elif is_offered "$package"; then
            step "installing $package with apt, without what it recommends" apt_install "$package"
        else
            do_without "$package"
        fi
    done
}

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

is_offered() { [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }

update_lists() { # without --error-on apt calls it a success where there is no network
    apt-get update -qq --error-on=any >"$log" 2>&1 </dev/null ||
        warn "apt's lists cannot be brought up to date ($(grep -m 1 '^[EW]:' "$log")): going on with what is here"
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >"$log" 2>&1 </dev/null ||
        do_without "$1"
}

do_without() {
    case $1 in
        python3-picamera2) warn "python3-picamera2 cannot be had: USB cameras will work, one on the ribbon cable not" ;;
        *) fail 3 "expected $1, found that apt cannot install it: connect a network, or use the release archive" ;;
    esac
}
