# shellcheck shell=bash
# The configuration: made once, never overwritten.

configure() {
    local default=$source_root/systemd/edge.toml mine=$DESTDIR$config before
    before=$root/current/systemd/edge.toml
    if [ ! -e "$mine" ]; then
        step "writing the configuration $config" put "$default" "$mine"
    elif [ -e "$before" ] && ! cmp -s "$default" "$before" && ! cmp -s "$default" "$mine"; then
        step "keeping $config; the new default is beside it as edge.toml.new" put "$default" "$mine.new"
    fi
    [ -e "$DESTDIR$token" ] || step "drawing a token for the live page: $token" draw_token
}

put() { # FROM TO: whole or not at all
    quietly install -D -m 644 "$1" "$2.part"
    quietly mv -T "$2.part" "$2"
}

draw_token() { # only root reads it; systemd hands it to the service
    local file=$DESTDIR$token
    quietly install -D -m 600 /dev/null "$file.part"
    quietly "$PYTHON" -c 'import secrets, sys; open(sys.argv[1], "w").write(secrets.token_urlsafe(32) + "\n")' "$file.part"
    quietly mv -T "$file.part" "$file"
}
