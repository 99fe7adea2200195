"""Uninstalling removes everything except configuration, logs and the user's own files."""

import pytest
from fake_root import REPOSITORY

MADE_BY_THE_SERVICE = (
    "var/log/edge-emotion/readings.jsonl",
    "var/lib/edge-emotion/x",
    "var/log/private/edge-emotion@door/readings.jsonl",
    "var/lib/private/edge-emotion@door/x",
)
MADE_FOR_AN_INSTANCE = (
    "etc/edge-emotion/door.toml",
    "etc/systemd/system/edge-emotion@door.service.d/network.conf",
    "etc/systemd/system/edge-emotion@door.service.d/mine.conf",
)


@pytest.fixture
def used(place, installed):  # noqa: ARG001  # makes the installation
    """Root of a machine on which the service has run, with a drop-in of the user's own."""
    for name in (*MADE_BY_THE_SERVICE, *MADE_FOR_AN_INSTANCE, "etc/systemd/system/edge-emotion.service.d/mine.conf"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x\n")
    wanted = place / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir()
    (wanted / "edge-emotion@door.service").symlink_to("/etc/systemd/system/edge-emotion@.service")
    return place


def files(place):
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_symlink() or path.is_file()}


def test_configuration_and_logs_stay(install, used):
    """Everything else from the installer or the service is removed."""
    done = install(REPOSITORY, script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == {
        "etc/edge-emotion/edge.toml",
        "etc/edge-emotion/web-token",
        "etc/systemd/system/edge-emotion.service.d/mine.conf",  # `systemctl edit` writes there
        "var/log/edge-emotion/readings.jsonl",
        "etc/edge-emotion/door.toml",
        "etc/systemd/system/edge-emotion@door.service.d/mine.conf",
        "var/log/private/edge-emotion@door/readings.jsonl",
    }
    assert not (used / "opt/edge-emotion").exists()
    assert (
        "kept: /etc/edge-emotion, /var/log/edge-emotion and your own changes of the unit (--purge removes them)\n"
        in done.stdout
    )


def test_purging_leaves_nothing(install, used):
    """`--purge` also removes configuration and logs, even after an uninstallation without it."""
    install(REPOSITORY, script="uninstall.sh")
    done = install(REPOSITORY, "--purge", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == set()


def test_the_installed_version_can_remove_itself(install, used):
    """The installed version has a working uninstaller of its own."""
    done = install(used / "opt/edge-emotion/current", "--purge", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(used) == set()


def test_a_dry_run_removes_nothing(install, used):
    """`--dry-run` lists what would be removed, and removes nothing."""
    before = files(used)
    done = install(REPOSITORY, "--purge", "--dry-run", script="uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert f"removing {used}/opt/edge-emotion" in done.stdout
    assert files(used) == before


def test_files_of_others_in_the_same_folder_stay(install, used):
    """Other files in PREFIX stay."""
    (used / "opt/edge-emotion/notes.txt").write_text("mine\n")
    install(REPOSITORY, script="uninstall.sh")
    assert (used / "opt/edge-emotion/notes.txt").exists()
