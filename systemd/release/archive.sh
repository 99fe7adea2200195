#!/usr/bin/env bash
# Makes the release archive: one file that installs without a network. `make dist` calls it with the tools installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

machine=${MACHINE:-aarch64}
pythons=${PYTHONS:-3.11 3.13} # Bookworm's and Trixie's
out=${OUT:-dist}
tools=${TOOLS:-.venv-dist/bin}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' edge/__init__.py)
name=edge-emotion-$version-$machine
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
folder=$work/$name

# What a device needs, as it is here: what git does not know is no part of a release.
mkdir "$folder"
git ls-files -z edge models/*.tflite models/*.json models/*.md systemd README.md CHANGELOG.md LICENSE \
    ':!systemd/release' ':!systemd/debian' ':!models/*.ranges.json' | xargs -0 cp --parents -t "$folder"
for script in install.sh uninstall.sh; do
    # shellcheck disable=SC2016  # for the shell that runs it
    printf '#!/bin/sh\nexec "${0%%/*}/systemd/%s" "$@"\n' "$script" >"$folder/$script"
    chmod 755 "$folder/$script"
done

options=()
for python in $pythons; do options+=(--python "$python"); done
"$tools/python" systemd/release/wheels.py --machine "$machine" "${options[@]}" --out "$work/wheels"
mkdir "$folder/wheels"
mv "$work"/wheels/*.whl "$folder/wheels"

sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$work/pyproject.toml"
# Warnings: it would like to know which package asks for which.
PYTHONWARNINGS=ignore "$tools/cyclonedx-py" requirements "$work/wheels/shipped.txt" --pyproject "$work/pyproject.toml" \
    --mc-type application --output-reproducible --output-format JSON --output-file "$folder/sbom.cdx.json"

(cd "$folder" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$folder"

# The same input gives the same bytes: order, owners and times are fixed.
mkdir -p "$out"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" "$name" | gzip -n -1 >"$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$out"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
