"""What runs on the emulated Pi starts on this machine, and its comparison refuses what it should."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]

READING = {
    "stream": "clip", "frame": 3, "track": 1, "emotion": "happy", "box": [10, 20, 100, 100],
    "face": "00", "int8": [10, -20, 90], "int8, reference": [10, -20, 90],
}  # fmt: skip
WANTED = [READING, READING | {"stream": "clip, decoded here"}]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", ["tests/pi/answers.py", "tests/pi/picture.py", "benchmarks/instructions/count.py"])
def test_each_script_still_finds_what_it_takes_from_the_product(script):
    """They run under emulation only, where it would show too late."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='loaded')"
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code, script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_same_answers_break_no_rule():
    """Each of the four counts has something to count."""
    counted, broken = load(HERE / "compare.py").compare(WANTED, WANTED)
    assert (len(counted), broken) == (4, [])


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
def test_other_answers_break_one(change):
    """Another name or frame, a box two pixels off, the definition of the net, two steps of 256, another best label."""
    _, broken = load(HERE / "compare.py").compare(WANTED, [READING | change, WANTED[1]])
    assert len(broken) == 1


@pytest.mark.parametrize("change", [{"emotion": "sad"}, {"box": [80, 20, 100, 100]}])
def test_a_clip_that_is_read_otherwise_breaks_one(change):
    """As it is decoded there: another name, or a box elsewhere."""
    _, broken = load(HERE / "compare.py").compare(WANTED, [READING, WANTED[1] | change])
    assert len(broken) == 1


def test_no_answers_are_no_agreement():
    """Neither log may be empty."""
    for found in ([], WANTED[:1], WANTED[1:]):
        assert load(HERE / "compare.py").compare(WANTED, found)[1]
        assert load(HERE / "compare.py").compare(found, WANTED)[1]
    assert load(HERE / "compare.py").compare([], [])[1]


def test_the_clip_may_be_left_out_on_both_machines():
    """Where only drawn scenes were given."""
    counted, broken = load(HERE / "compare.py").compare(WANTED[:1], WANTED[:1])
    assert (len(counted), broken) == (3, [])


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: sudo apt install shellcheck"
)
def test_the_scripts_are_clean():
    """Shellcheck finds nothing in those of the host and of the guest."""
    scripts = [HERE / name for name in ("user", "vm", "root", "guest/checks", "guest/camera")]
    found = subprocess.run(  # noqa: S603  # the system's own tool
        ["shellcheck", "-x", *map(str, scripts)],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
