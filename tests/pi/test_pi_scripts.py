"""The scripts for the emulated Pi work on this machine, and the comparison of golden runs rejects differences."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.scenes.catalogue import make_scene

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]

READING = {
    "method": "haar", "stream": "clip", "frame": 3, "track": 1, "emotion": "happy", "box": [10, 20, 100, 100],
    "face": "00", "int8": [10, -20, 90], "int8, reference": [10, -20, 90],
}  # fmt: skip
EXPECTED = [READING, READING | {"stream": "clip, decoded here"}]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["tests/pi/golden_run.py", "tests/pi/camera_picture.py", "benchmarks/instructions/count.py"]
)
def test_each_script_can_be_imported(script):
    """The scripts, which otherwise run under emulation only, find the modules and names they import."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='loaded')"
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code, script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_golden_run_agrees_with_itself(tmp_path):
    """Two golden runs on the same frames have readings with crops and model outputs, and break no rule."""
    golden_run, compare = load(HERE / "golden_run.py"), load(HERE / "compare.py").compare
    frames = [make_scene("three").frame(index)[0][..., 1] for index in range(12)]
    np.save(tmp_path / "scene three.npy", np.stack(frames))
    first, second = list(golden_run.run(tmp_path)), list(golden_run.run(tmp_path))
    counted, broken = compare(first, second)
    assert (len(counted), broken) == (6, [])
    for method in ("auto", "haar"):
        assert {line["track"] for line in first if line["method"] == method} == {1, 2, 3}


def test_equal_runs_break_no_rule():
    """A run agrees with itself in all five comparisons."""
    counted, broken = load(HERE / "compare.py").compare(EXPECTED, EXPECTED)
    assert (len(counted), broken) == (5, [])


@pytest.mark.parametrize(
    "change",
    [
        {"emotion": "sad"},
        {"frame": 4},
        {"box": [12, 20, 100, 100]},
        {"int8, reference": [10, -20, 91]},
        {"int8": [10, -20, 92]},
        {"int8": [90, -20, 90]},
    ],
)
def test_a_different_reading_breaks_a_rule(change):
    """Another emotion, frame, box, reference output, runtime output or best label is a violation."""
    _, broken = load(HERE / "compare.py").compare(EXPECTED, [READING | change, EXPECTED[1]])
    assert len(broken) == 1


@pytest.mark.parametrize(("moved_px", "count", "violations"), [(5, 2, 0), (5, 3, 1), (9, 1, 1)])
def test_boxes_of_the_net_may_differ_a_little(moved_px, count, violations):
    """With `auto` a box may differ by a few pixels, but not by many, nor may more than a fifth differ."""
    expected = [READING | {"method": "auto", "frame": frame} for frame in range(10)]
    moved = {"box": [10 + moved_px, 20, 100, 100]}
    found = [reading | (moved if reading["frame"] < count else {}) for reading in expected]
    assert len(load(HERE / "compare.py").compare(expected, found)[1]) == violations


@pytest.mark.parametrize(("method", "count", "violations"), [("auto", 1, 0), ("auto", 3, 1), ("haar", 1, 1)])
def test_the_net_may_lose_a_face_a_frame_sooner(method, count, violations):
    """With `auto` one of a hundred readings may be missing, with `haar` none."""
    expected = [READING | {"method": method, "frame": frame} for frame in range(100)]
    assert len(load(HERE / "compare.py").compare(expected, expected[count:])[1]) == violations


@pytest.mark.parametrize("change", [{"emotion": "sad"}, {"box": [80, 20, 100, 100]}])
def test_a_different_reading_of_the_decoded_clip_breaks_a_rule(change):
    """Another emotion or a distant box in the clip as each machine decodes it is a violation."""
    _, broken = load(HERE / "compare.py").compare(EXPECTED, [READING, EXPECTED[1] | change])
    assert len(broken) == 1


def test_empty_runs_do_not_agree():
    """A run without readings, or without those of one stream, is a violation."""
    for found in ([], EXPECTED[:1], EXPECTED[1:]):
        assert load(HERE / "compare.py").compare(EXPECTED, found)[1]
        assert load(HERE / "compare.py").compare(found, EXPECTED)[1]
    assert load(HERE / "compare.py").compare([], [])[1]


def test_the_clip_may_be_left_out_on_both_machines():
    """Runs on drawn scenes only are compared without the clip."""
    counted, broken = load(HERE / "compare.py").compare(EXPECTED[:1], EXPECTED[:1])
    assert (len(counted), broken) == (4, [])


def test_the_tests_left_out_under_emulation_exist():
    """Each file, folder and test that `user` leaves out is one of the repository's."""
    left_out = re.findall(r"--(?:ignore|deselect)=(\S+)", (HERE / "user").read_text())
    assert len(left_out) > 10
    for name in left_out:
        path, _, test = name.partition("::")
        assert (REPOSITORY / path).exists(), name
        assert f"def {test}" in (REPOSITORY / path).read_text() if test else True, name


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: sudo apt install shellcheck"
)
def test_the_scripts_are_clean():
    """Shellcheck reports nothing in any script."""
    scripts = [HERE / name for name in ("user", "vm", "root", "guest/checks", "guest/camera")]
    found = subprocess.run(  # noqa: S603  # the system's own tool
        ["shellcheck", "-x", *map(str, scripts)],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
