#!/usr/bin/env bash
# Copies what a device needs into FOLDER, with the wheels of its packages and their bill of materials:
#
#     MACHINE=aarch64 PYTHONS="3.11 3.13" TOOLS=.venv-dist/bin stage.sh FOLDER [OPTION OF wheels.py...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=$1
shift
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' edge/__init__.py)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# Only files that git tracks are part of a release.
mkdir -p "$folder/wheels"
git ls-files -z edge models/*.tflite models/*.json models/*.md systemd README.md CHANGELOG.md LICENSE \
    ':!systemd/release' ':!systemd/debian' ':!models/*.ranges.json' | xargs -0 cp --parents -t "$folder"

for python in $PYTHONS; do set -- --python "$python" "$@"; done
"$TOOLS/python" -I systemd/release/wheels.py --machine "$MACHINE" "$@" --out "$work/wheels"
mv "$work"/wheels/*.whl "$folder/wheels"

sed "s/^dynamic = .*/version = \"$version\"/" pyproject.toml >"$work/pyproject.toml"
# Its warnings say that the dependencies between the packages are unknown.
PYTHONWARNINGS=ignore "$TOOLS/cyclonedx-py" requirements "$work/wheels/packages.txt" --pyproject "$work/pyproject.toml" \
    --mc-type application --output-reproducible --output-format JSON --output-file "$folder/sbom.cdx.json"
