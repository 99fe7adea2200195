# shellcheck shell=bash
# Prints steps, warnings, and the one-line error.

log=$(mktemp)
failed="" # whether fail has printed the reason

say() { printf '%s\n' "$*"; }

warn() { printf 'warning: %s\n' "$*" >&2; }

fail() { # CODE SENTENCE
    # shellcheck disable=SC2034  # on_exit reads it
    failed=1
    printf 'error: %s\n' "$2" >&2
    exit "$1"
}

step() { # SENTENCE COMMAND...: runs the command in this shell, except in a dry run
    say "$1"
    shift
    [ -n "$dry_run" ] || "$@"
}

quietly() { # PROGRAM...: keeps its output for the error message
    "$@" >"$log" 2>&1 </dev/null || fail 3 "$(explain "$1")"
}

explain() { # PROGRAM: why it failed, in one line
    if grep -qiE 'no space left|errno 28' "$log"; then
        echo "expected room for a version at $root, found the disk full: free some and run this again"
    else
        echo "expected ${1##*/} to succeed, found: $(grep -v '^ *$' "$log" | tail -1)"
    fi
}
