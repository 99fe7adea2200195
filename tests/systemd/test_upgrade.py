"""An upgrade leaves what runs alone until the new version has shown that it works."""

import os
import signal
import subprocess

import pytest
from roots import current, tree

BREAKS = [
    "building version",
    "making its Python environment",
    "installing Python packages",
    "running the self-test",
    "marking version",
]
"""How the lines begin after which the installer is killed."""


def versions(place):
    return {path.name.partition("-")[0] for path in (place / "opt/edge-emotion/versions").iterdir()}


def test_upgrades_switch_and_keep_the_configuration(install, release, place, installed):  # noqa: ARG001
    """A changed default is laid beside it, an unchanged one is not; one version stays, to go back to."""
    mine = place / "etc/edge-emotion/edge.toml"
    mine.write_text("[source]\nwidth = 320\n")
    assert install(release("1.1.0")).returncode == 0
    assert current(place).startswith("1.1.0-")
    assert not mine.with_name("edge.toml.new").exists()
    folder = release("1.2.0")
    default = folder / "systemd/edge.toml"
    default.write_text(default.read_text() + "\n# something new\n")
    done = install(folder)
    assert current(place).startswith("1.2.0-")
    assert mine.read_text() == "[source]\nwidth = 320\n"
    assert mine.with_name("edge.toml.new").read_text() == default.read_text()
    assert "keeping /etc/edge-emotion/edge.toml; the new default is beside it as edge.toml.new" in done.stdout
    assert versions(place) == {"1.1.0", "1.2.0"}


def test_a_version_that_fails_its_self_test_changes_nothing(install, release, place, installed):
    """A damaged model is found before the switch; the line says what is wrong."""
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


def test_a_configuration_that_the_new_version_refuses_is_found_before_the_switch(install, release, place, installed):
    """Otherwise the service would not start any more; the line names file and key."""
    (place / "etc/edge-emotion/edge.toml").write_text("[source]\nwdth = 320\n")
    done = install(release("1.1.0"))
    assert done.returncode == 4
    assert "edge.toml: source.wdth: unknown key: did you mean width?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert current(place) == installed


def test_a_version_that_names_the_face_otherwise_fails_its_self_test(install, release, place, installed):
    """That the program ends well is not enough: it must say what it should of the picture that ships."""
    folder = release("1.1.0")
    with (folder / "edge/run.py").open("a") as module:
        module.write("\n\ndef run(settings, **_):\n    print('{}')\n")
    done = install(folder)
    assert done.returncode == 4
    assert done.stderr.startswith("error: the self-test failed: expected a happy face ")
    assert current(place) == installed


@pytest.fixture
def broken_off(environment, wheels):
    """Return a function that sends the installer and all that it runs a signal once it has said a line."""

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
            assert any(said.startswith(line) for said in process.stdout), process.stderr.read()
            os.killpg(process.pid, number)
            return process.stderr.read()

    return run


def test_a_killed_installer_leaves_the_old_version_current(install, release, place, installed, broken_off, stubs):
    """Killed at each step in turn, without a chance to tidy up; each run copes with what the one before left."""
    folder = release("1.1.0")
    stubs("sync", "exec sleep 100")  # the step before the mark lasts
    for line in BREAKS:
        broken_off(folder, line, signal.SIGKILL)
        assert current(place) == installed
        assert (place / "opt/edge-emotion/current/complete").exists()
    stubs("sync", "")
    assert install(folder).returncode == 0
    assert current(place).startswith("1.1.0-")
    assert versions(place) == {"1.0.0", "1.1.0"}


def test_a_version_without_its_mark_is_built_again(install, release, place, installed):
    """What a killed installer left is not taken for a version, even where its name is right."""
    version = place / "opt/edge-emotion/versions" / installed
    (version / "complete").unlink()
    (version / "edge/run.py").unlink()
    assert install(release()).returncode == 0
    assert current(place) == installed
    assert (version / "edge/run.py").exists()


def test_an_interrupted_installer_tidies_up_and_says_so(release, place, installed, broken_off):
    """Ctrl-C reaches the programs that it runs, too."""
    said = broken_off(release("1.1.0"), "making its Python environment", signal.SIGINT)
    assert said.splitlines()[-1] == "error: interrupted: what ran before still runs; run this again"
    assert current(place) == installed
    assert versions(place) == {"1.0.0"}


def test_going_back_by_hand(install, newer, place):
    """`--rollback` makes the other version current; twice goes forth again."""
    for expected in ("1.1.0", "1.0.0"):
        done = install(newer, "--rollback")
        assert done.returncode == 0, done.stderr
        assert current(place).startswith(f"{expected}-")


def test_there_must_be_a_version_to_go_back_to(install, release, place, installed):
    """With one version there is none."""
    done = install(release("1.0.0"), "--rollback")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: expected a version before {installed} in {place}/opt/edge-emotion/versions, found none\n"
    )


def test_a_damaged_version_is_built_again(install, release, place, installed):
    """As after a fault of the card: to install again mends it, and the damaged one is not kept to go back to."""
    (place / "opt/edge-emotion/versions" / installed / "models/edge_small.tflite").write_bytes(b"no model")
    done = install(release())
    assert done.returncode == 0, done.stderr
    assert f"version {installed} is damaged: building it again\n" in done.stdout
    version = place / "opt/edge-emotion/current"
    assert (version / "models/edge_small.tflite").stat().st_size > 10_000
    assert current(place) != installed
    assert versions(place) == {"1.0.0"}
    assert len(list((place / "opt/edge-emotion/versions").iterdir())) == 1
