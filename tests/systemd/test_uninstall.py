"""Uninstalling leaves nothing but what it promises."""

import pytest
from roots import REPOSITORY

MADE_BY_THE_SERVICE = ("var/log/edge-emotion/readings.jsonl", "var/lib/edge-emotion/x")


@pytest.fixture
def used(place, installed):  # noqa: ARG001  # it is there
    """The root of a machine whose service has run, with something of somebody else's in the same place."""
    for name in (*MADE_BY_THE_SERVICE, "etc/systemd/system/edge-emotion.service.d/mine.conf"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x\n")
    return place


def files(place):
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_symlink() or path.is_file()}


def test_configuration_and_logs_stay(install, used):
    """All else that the installer or the service made is gone."""
    done = install(REPOSITORY, script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == {
        "etc/edge-emotion/edge.toml",
        "etc/edge-emotion/web-token",
        "etc/systemd/system/edge-emotion.service.d/mine.conf",  # `systemctl edit` writes there
        "var/log/edge-emotion/readings.jsonl",
    }
    assert not (used / "opt/edge-emotion").exists()
    assert (
        "kept: /etc/edge-emotion, /var/log/edge-emotion and your own changes of the unit (--purge removes them)\n"
        in done.stdout
    )


def test_purging_leaves_nothing(install, used):
    """Configuration and logs go, too, also after a removal without it."""
    install(REPOSITORY, script="uninstall.sh")
    done = install(REPOSITORY, "--purge", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == set()


def test_the_installed_version_can_remove_itself(install, used):
    """The archive it came from may be gone."""
    done = install(used / "opt/edge-emotion/current", "--purge", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == set()


def test_a_dry_run_removes_nothing(install, used):
    """It names what would go."""
    before = files(used)
    done = install(REPOSITORY, "--purge", "--dry-run", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert f"removing {used}/opt/edge-emotion" in done.stdout
    assert files(used) == before


def test_files_of_others_in_the_same_folder_stay(install, used):
    """PREFIX may name a folder in which there is more."""
    (used / "opt/edge-emotion/notes.txt").write_text("mine\n")
    install(REPOSITORY, script="uninstall.sh")
    assert (used / "opt/edge-emotion/notes.txt").exists()
