# shellcheck shell=bash
# Writes the configuration once, and never overwrites it.

configure() {
    local default=$source_root/systemd/edge.toml mine=$DESTDIR$config before
    before=$root/current/systemd/edge.toml
    if [ ! -e "$mine" ]; then
        step "writing the configuration $config" put "$default" "$mine"
    elif [ -e "$before" ] && ! cmp -s "$default" "$before" && ! cmp -s "$default" "$mine"; then
        step "keeping $config; the new default is next to it as edge.toml.new" put "$default" "$mine.new"
    fi
    [ -e "$DESTDIR$token" ] || step "creating a token for the live page: $token" create_token
}

put() { # FROM TO: atomic
    quietly install -D -m 644 "$1" "$2.part"
    quietly mv -T "$2.part" "$2"
}

create_token() { # only root can read it; systemd passes it to the service
    local file=$DESTDIR$token
    quietly install -D -m 600 /dev/null "$file.part"
    quietly "$PYTHON" -I -c 'import secrets, sys; open(sys.argv[1], "w").write(secrets.token_urlsafe(32) + "\n")' "$file.part"
    quietly mv -T "$file.part" "$file"
}
