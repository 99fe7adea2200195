"""The wheel has everything that the runtime needs, installs into an empty environment, and runs there."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from fake_root import REPOSITORY, start
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

TOOLS = Path(sys.prefix) / "bin"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the source archive and the wheel, built without a network."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("the folder of the project is no clone: its files are not known")
    out = tmp_path_factory.mktemp("dist")
    cut_off = {"TOOLS": str(TOOLS), "OUT": str(out), "PIP_NO_INDEX": "1"}
    done = start(REPOSITORY / "systemd/release/wheel.sh", environment=os.environ | cut_off)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel):
    """The wheel's metadata, whose payload is the description for a package index."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def distributions(requirements):
    """Return the installed distributions that these requirements need, directly or not."""
    found = {}
    wanted = [Requirement(text) for text in requirements]
    while wanted:
        requirement = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name not in found:
            found[requirement.name] = importlib.metadata.distribution(requirement.name)
            wanted += map(Requirement, found[requirement.name].requires or ())
    return found


def place(source, target):
    """Put a file or folder of this environment into another one, as a hard link if the disk allows it.

    Not as a symbolic link, through which OpenCV would not find itself.
    """

    def link(one, other):
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        link(source, target)


@pytest.fixture(scope="module")
def empty(tmp_path_factory, wheel, metadata):
    """An environment with the wheel and the packages that its metadata requires, taken from this environment."""
    folder = tmp_path_factory.mktemp("empty") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)  # noqa: S603  # our own interpreter
    (site,) = folder.glob("lib/python3.*/site-packages")
    for package in distributions(metadata.get_all("Requires-Dist")).values():
        tops = {file.parts[0] for file in package.files or () if file.parts[0] not in {"..", "__pycache__"}}
        for top in tops:
            if not (site / top).exists():
                place(Path(package.locate_file(top)), site / top)
    # pip checks that what the metadata requires is there, and cannot fetch what is not.
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-index"]
    done = start(*pip, wheel, environment=os.environ)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def call(empty, tmp_path):
    """Return a function that calls the installed command in a folder of its own."""

    def run(*words, program="edge-emotion"):
        variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        return subprocess.run(  # noqa: S603  # our own command
            [empty / "bin" / program, *map(str, words)],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )

    return run


def test_the_wheel_runs_the_clip(call, empty):
    """The installed command finds clip, models and cascade inside its environment, and reads happy faces in it."""
    code = "from edge.sources.open import DEMO_CLIP; print(DEMO_CLIP)"
    clip = call("-I", "-c", code, program="python").stdout.strip()
    assert clip.startswith(str(empty))
    for model in ("edge_small", "edge_accurate"):
        done = call("run", "--source", clip, "--model", model, "--json", "--log", f"{model}.jsonl")
        assert done.returncode == 0, done.stderr
        readings = [json.loads(line) for line in done.stdout.splitlines()]
        assert sum(reading["emotion"] == "happy" for reading in readings) > len(readings) / 3


def test_doctor_finds_cascade_detector_and_model(call):
    """The doctor's checks of what the wheel carries pass: the cascade, BlazeFace's models, the default model."""
    findings = json.loads(call("doctor", "--no-camera", "--json").stdout)
    ended = {check["name"]: check for check in findings["checks"]}
    for name in ("cascade", "detector", "model", "interpreter"):
        assert ended[name]["status"] == "ok", ended[name]
    assert "BlazeFace" in ended["detector"]["text"]


def test_site_packages_get_the_package_edge_alone(wheel, empty):
    """No package named `train` or `convert` is installed, where it could hide another one of that name."""
    with zipfile.ZipFile(wheel) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "edge",
            wheel.name.rpartition("-py3")[0] + ".dist-info",
        }
    assert not [*empty.glob("lib/python3.*/site-packages/train"), *empty.glob("lib/python3.*/site-packages/convert")]


def test_it_has_the_models_and_no_checkpoints(wheel):
    """Both models with manifests, and the detector's models with their licence, are inside, but no checkpoint."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assets = {name.removeprefix("edge/assets/") for name in names if name.startswith("edge/assets/")}
    assert assets == {
        *("README.md", "astronaut_face.png", "demo.mp4"),
        *(
            "models/edge_small.tflite",
            "models/edge_small.json",
            "models/edge_accurate.tflite",
            "models/edge_accurate.json",
        ),
        *(f"blazeface/face_detection_{name}.tflite" for name in ("short_range", "full_range_sparse")),
        "blazeface/LICENSE",
    }
    assert not [name for name in names if name.endswith((".keras", ".pyc", ".so"))]
    assert wheel.stat().st_size < 10_000_000


def test_it_requires_what_the_pi_needs_and_no_more(metadata):
    """Without an extra, the wheel requires the packages of the Pi's lock, and no training package."""
    lock = re.findall(r"^([\w.-]+)==", (REPOSITORY / "edge/requirements.txt").read_text(), flags=re.MULTILINE)
    needed = {re.sub("[._]", "-", name.lower()) for name in distributions(metadata.get_all("Requires-Dist"))}
    others = {"setuptools", "colorama", "backports-strenum"}  # to build the project; on Windows; on Python 3.10
    assert needed - others == set(lock) - others


def test_the_description_has_no_link_into_the_repository(metadata):
    """Links and pictures of the README that a package index cannot resolve are left out."""
    text = metadata.get_payload()
    assert text.startswith("# edge-emotion\n")
    assert not re.findall(r"\]\((?!https?:)", text)


def test_a_stage_without_its_packages_names_the_extra(call):
    """`edge-emotion train` without the extra ends with one line that says what to install."""
    done = call("train", "--data", "faces")
    assert done.returncode == 2
    assert re.fullmatch(
        r".*expected the packages for training, found no \w+: .*install 'edge-emotion\[train\]'\n", done.stderr
    )


def test_the_stages_run_from_the_wheel(call, empty):
    """With training's packages, the stages are imported from the wheel by the commands, and as documented."""
    (site,) = empty.glob("lib/python3.*/site-packages")
    borrowed = site / "borrowed.pth"
    borrowed.write_text(f"{importlib.metadata.distribution('numpy').locate_file('')}\n")
    try:
        for command in ("train", "evaluate", "conditions", "faces", "sheet", "convert"):
            done = call(command, "--help")
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith(f"usage: edge-emotion {command} ")
        code = (
            "import edge.stages; edge.stages.enable(); import train, convert; print(train.__file__, convert.__file__)"
        )
        done = call("-I", "-c", code, program="python")
        assert done.stdout.split() == [str(site / f"edge/stages/{name}/__init__.py") for name in ("train", "convert")]
    finally:
        borrowed.unlink()


def test_the_source_archive_has_every_tracked_file_of_the_project(built):
    """The source archive can train, convert, test and install: it has all tracked files, except those of git itself."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = start("git", "-C", REPOSITORY, "ls-files", environment=os.environ).stdout.splitlines()
    assert {name for name in tracked if name not in names} <= {".gitignore", ".pre-commit-config.yaml"}
