"""The installer makes what the service needs, says what it cannot do in one line, and changes nothing before it can."""

import base64
import fcntl
import os
import shutil
import stat
import subprocess
import sys

import pytest
from roots import REPOSITORY, start, tree


def test_a_first_installation_is_complete(place, installed):
    """Program, models, configuration, unit and command are there, and the program runs from where it lies."""
    assert installed.startswith("1.0.0-")
    version = place / "opt/edge-emotion/current"
    assert {path.name for path in version.iterdir()} == {
        "LICENSE", "README.md", "complete", "edge", "models", "systemd", "venv"
    }  # fmt: skip
    default = REPOSITORY / "systemd" / "edge.toml"
    assert (place / "etc/edge-emotion/edge.toml").read_text() == default.read_text()
    assert "ExecStart=/opt/edge-emotion/current/venv/bin/edge-emotion run" in (
        (place / "etc/systemd/system/edge-emotion.service").read_text()
    )
    assert str((place / "usr/local/bin/edge-emotion").readlink()) == "/opt/edge-emotion/current/venv/bin/edge-emotion"
    said = subprocess.run(  # noqa: S603  # our own program
        [version / "venv/bin/python", "-I", version / "venv/bin/edge-emotion", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "edge-emotion 1.0.0\n"


def test_paths_inside_are_those_of_the_installed_place(install, release, place):
    """What is installed below DESTDIR is meant to lie at PREFIX: the command and the unit name that place alone."""
    assert install(release(), PREFIX="/srv/faces").returncode == 0
    version = place / "srv/faces/current"
    first_line = (version / "venv/bin/edge-emotion").read_text().splitlines()[0]
    assert first_line == f"#!/srv/faces/versions/{version.readlink().name}/venv/bin/python -I"
    unit = (place / "etc/systemd/system/edge-emotion.service").read_text()
    assert "ExecStart=/srv/faces/current/" in unit
    assert "/opt/edge-emotion" not in unit


def test_a_second_run_changes_nothing(install, release, place, installed):  # noqa: ARG001
    """The same release installed again leaves every file as it is, and does not build."""
    before = tree(place)
    done = install(release())
    assert done.returncode == 0, done.stderr
    assert "is built already" in done.stdout
    assert tree(place) == before


def test_a_dry_run_names_each_step_and_does_nothing(install, release, place, first_installation):
    """It says what the true run says, and not even the folder is made."""
    dry = install(release(), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert not place.exists()
    true_place, said = first_installation
    assert dry.stdout.replace(str(place), str(true_place)).splitlines()[:-1] == said.splitlines()[:-1]


def test_a_token_is_drawn_that_only_root_can_read(install, release, place, installed):  # noqa: ARG001
    """Of 32 random bytes, for the live page; another one on each machine, and the same one after an upgrade."""
    token = place / "etc/edge-emotion/web-token"
    drawn = token.read_text()
    assert len(base64.urlsafe_b64decode(drawn.strip() + "=")) == 32
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert install(release("1.1.0")).returncode == 0
    assert token.read_text() == drawn
    token.unlink()
    assert install(release("1.1.0")).returncode == 0
    assert token.read_text() != drawn


@pytest.mark.parametrize("found", ["armhf", "armel", "i386"])
def test_a_32_bit_system_is_refused(install, release, place, stubs, found):
    """A 32-bit system on a 64-bit kernel counts as what its packages are."""
    stubs("dpkg", f"echo {found}")
    done = install(release())
    assert done.returncode == 2
    assert done.stderr == (
        f"error: expected a 64-bit system (arm64), found {found}: install Raspberry Pi OS (64-bit)\n"
    )
    assert not place.exists()


@pytest.mark.parametrize("found", ["3.9", "3.10", "3.14"])
def test_another_python_is_refused(install, release, place, stubs, found):
    """There are wheels for Python 3.11 to 3.13 only."""
    python = stubs("old-python", f"echo {found}")
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: expected Python 3.11 to 3.13, found {found} at {python}: ")
    assert not place.exists()


def test_a_python_that_an_upgrade_of_the_system_has_replaced_is_named(install, release, place, stubs, environment):
    """The environment's packages are for the old one: one line with the command that mends it, and no restarts."""
    python = stubs("python3", f'case "$*" in *%d.%d*) echo 3.12 ;; *) exec {environment["PYTHON"]} "$@" ;; esac')
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    version = place / "opt/edge-emotion/current"
    said = start(version / "venv/bin/python", "-I", version / "venv/bin/edge-emotion", "doctor", environment=os.environ)
    found = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert said.stderr == (
        f"error: expected Python 3.12, which this was installed for, found {found}: "
        "install it again with sudo /opt/edge-emotion/current/systemd/install.sh\n"
    )
    assert said.returncode == 2
    unit = (place / "etc/systemd/system/edge-emotion.service").read_text()
    assert "RestartPreventExitStatus=2" in unit


def test_somebody_who_is_not_root_is_refused(install, release, place, stubs):
    """Without DESTDIR it would write to the machine itself."""
    stubs("id", '[ "$1" = -u ] && echo 1000 || echo ada')
    stubs("dpkg", "echo none")  # without what is tested here it would go no further, and still not write there
    folder = release()
    done = install(folder, "--no-start", DESTDIR="", PREFIX=str(place))
    assert done.returncode == 2
    assert done.stderr == f"error: expected root, found ada: sudo {folder}/systemd/install.sh\n"


def test_an_unknown_option_and_a_missing_folder_are_refused(install, release, place):
    """Each with one line, before anything is made."""
    folder = release()
    assert install(folder, "--whels", "x").stderr.startswith("error: expected an option of those in ")
    missing = install(folder, "--wheels", "/nowhere")
    assert missing.returncode == 2
    assert missing.stderr == "error: expected a folder of wheels, found no such folder: /nowhere\n"
    assert not place.exists()


def test_a_disk_with_too_little_room_is_told_before_anything_is_built(install, release, place, stubs):
    """The line says how much is needed and found."""
    stubs("df", "echo 'Filesystem 1M-blocks Used Available Use% Mounted'; echo 'x 999 899 100 90% /'")
    done = install(release())
    assert done.returncode == 3
    assert done.stderr == (
        f"error: expected 450 MB free for {place}/opt/edge-emotion, found 100 MB: free some and run this again\n"
    )
    assert not list((place / "opt/edge-emotion/versions").iterdir())


def test_a_disk_that_fills_up_meanwhile_is_told_in_one_line(install, release, place, stubs):
    """What was built so far is removed: it is what fills the disk."""
    stubs("cp", "echo \"cp: error writing '/opt/x': No space left on device\" >&2; exit 1")
    done = install(release())
    assert done.returncode == 3
    assert done.stderr == (
        f"error: expected room for a version at {place}/opt/edge-emotion, found the disk full: "
        "free some and run this again\n"
    )
    assert not list((place / "opt/edge-emotion/versions").iterdir())


def test_packages_are_those_of_the_lock(install, release, wheels, tmp_path):
    """A wheel with other bytes than the lock's is refused."""
    other = tmp_path / "other"
    shutil.copytree(wheels, other)
    with next(other.glob("borrowed*")).open("ab") as file:
        file.write(b"more")
    done = install(release(), "--wheels", str(other))
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected python to succeed, found: ")
    assert len(done.stderr.splitlines()) == 1
    folder = release()
    (folder / "edge/requirements.txt").write_text("borrowed==1\n")  # a line that says nothing of the bytes
    assert install(folder).returncode == 3


def test_a_numpy_that_would_hide_apts_is_refused(install, release, place, stubs, environment):
    """picamera2 is built with apt's: where apt has one, the environment must see that one."""
    python = stubs(
        "python-with-numpy",
        f'case "$*" in *"import numpy"*) echo 1.24.2 /usr/lib/numpy;; *) exec {environment["PYTHON"]} "$@";; esac',
    )
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected apt's numpy (1.24.2 /usr/lib/numpy), found ")
    assert not (place / "opt/edge-emotion/current").exists()


def test_numpy_is_not_installed_where_apt_has_one(release, environment):
    """Even if apt's is another version than the lock's; and what only building needs is left out, too."""
    folder = release()
    shutil.copy(REPOSITORY / "edge" / "requirements.txt", folder / "edge")
    script = f"""
        . {folder}/systemd/installer/build.sh
        system_numpy() {{ echo "$APTS"; }}
        requirements {folder}
    """
    for apts, expected in (("", True), ("9.9 /usr/lib/numpy", False)):
        listed = subprocess.run(  # noqa: S603  # our own script
            ["bash", "-euc", script],  # noqa: S607
            env=environment | {"APTS": apts},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert ("\nnumpy==" in listed) is expected
        assert "setuptools" not in listed
        assert "\nopencv-python-headless==" in listed
        assert listed.count("--hash") > 10


def test_two_installers_do_not_work_at_once(install, release, place):
    """The second says so, instead of building into the first one's folder."""
    (place / "opt/edge-emotion").mkdir(parents=True)
    with (place / "opt/edge-emotion/.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = install(release())
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected to be the only installer, found another at work on ")


@pytest.fixture
def install_packages(stubs, environment):
    """Return a function that does what the installer does with apt, on a Pi whose Python lacks venv."""
    stubs("dpkg-query", "exit 1")
    stubs("apt-get", "")
    stubs("apt-cache", "")

    def run(dry_run=""):
        steps = [f". {REPOSITORY}/systemd/installer/{name}.sh" for name in ("say", "build", "apt")]
        script = "; ".join(
            ["set -eu", f"dry_run={dry_run} wheels=", *steps, "trap 'rm $log' EXIT", "PYTHON=false", "install_packages"]
        )
        return start("bash", "-c", script, environment=environment)

    return run


def test_a_dry_run_does_not_ask_lists_that_it_has_not_brought_up_to_date(install_packages):
    """On a card that was just written apt's lists are empty: that is no reason to refuse."""
    done = install_packages(dry_run="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["bringing", "apt's"], ["installing", "python3-venv"], ["installing", "python3-picamera2"]
    ]  # fmt: skip


def test_lists_that_cannot_be_brought_up_to_date_are_told(install_packages, stubs):
    """Without a network; apt calls it a success unless it is asked to be exact."""
    stubs("apt-get", 'case "$*" in *--error-on=any*) echo "E: Failed to fetch: no route"; exit 100 ;; esac')
    assert install_packages().stderr.splitlines()[0] == (
        "warning: apt's lists cannot be brought up to date (E: Failed to fetch: no route): going on with what is here"
    )


def test_what_apt_does_not_have_is_done_without_or_told(install_packages, stubs):
    """There is no environment without venv; without picamera2 there is one camera less."""
    done = install_packages()
    assert done.returncode == 3
    assert done.stderr == (
        "error: expected python3-venv, found that apt cannot install it: "
        "connect a network, or use the release archive\n"
    )
    stubs("apt-cache", 'case "$*" in *picamera2) ;; *) echo Package: it ;; esac')
    done = install_packages()
    assert done.returncode == 0
    assert done.stderr.startswith("warning: python3-picamera2 cannot be had: ")


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: sudo apt install shellcheck"
)
def test_the_scripts_are_clean():
    """Shellcheck finds nothing in any of them; those that stand alone name the others."""
    folder = REPOSITORY / "systemd"
    scripts = [
        *folder.glob("*.sh"),
        *folder.glob("release/*.sh"),
        *folder.glob("debian/*.sh"),
        *folder.glob("debian/p*"),
    ]
    assert len(scripts) == 8
    found = start("shellcheck", "-x", "-a", *scripts, environment=os.environ)
    assert found.stdout == ""
