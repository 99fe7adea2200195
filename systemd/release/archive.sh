#!/usr/bin/env bash
# Builds the release archive, which installs without a network; `make dist` installs the tools and calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export MACHINE=${MACHINE:-aarch64}
export PYTHONS=${PYTHONS:-3.11 3.13} # Bookworm's and Trixie's
export TOOLS=${TOOLS:-.venv-dist/bin}
out=${OUT:-dist}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' edge/__init__.py)
name=edge-emotion-$version-$MACHINE
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
folder=$work/$name

systemd/release/stage.sh "$folder"
for script in install.sh uninstall.sh; do
    # shellcheck disable=SC2016  # expanded by the script that is written
    printf '#!/bin/sh\nexec "${0%%/*}/systemd/%s" "$@"\n' "$script" >"$folder/$script"
    chmod 755 "$folder/$script"
done
(cd "$folder" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$folder"

# Order, owners and times are fixed, so that equal input gives equal bytes.
mkdir -p "$out"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" "$name" | gzip -n -1 >"$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$out"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
