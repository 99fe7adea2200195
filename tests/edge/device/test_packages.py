"""The remedy for a missing package is a command that works in the environment that lacks it."""

import importlib.util
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from edge.device import packages
from edge.device.packages import REINSTALL, install_command, picamera_command, uninstall_command
from edge.vision.blazeface import REQUIREMENT

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return a function that makes this process look as if it ran in an environment of the project's folder."""

    def lay_out(*files, prefix=".venv", pip=False, system=False):
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / prefix).mkdir(exist_ok=True)
        (tmp_path / prefix / "pyvenv.cfg").write_text(f"include-system-site-packages = {str(system).lower()}\n")
        monkeypatch.setattr(packages, "PROJECT", tmp_path)
        monkeypatch.setattr(sys, "prefix", str(tmp_path / prefix))
        monkeypatch.setattr(sys, "executable", str(tmp_path / prefix / "bin/python"))
        monkeypatch.setattr(packages, "_has_pip", lambda: pip)
        monkeypatch.setattr(packages.shutil, "which", lambda _name: None)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return lay_out


def test_the_environment_of_make_run_is_made_again(environment, monkeypatch):
    """A part of the lock comes with `make run`, others with `make extras`; from another folder make gets the path."""
    folder = environment("Makefile")
    assert install_command("flask") == f"rm {folder}/.venv/ready; make run"
    assert install_command("luma.oled", "luma.lcd", is_optional=True) == "make extras"
    monkeypatch.chdir("/")
    assert install_command("pygame", is_optional=True) == f"make -C {folder} extras"
    assert picamera_command() == f"sudo apt install --no-install-recommends python3-picamera2; make -C {folder} run"


def test_what_make_extras_lacks_comes_with_pip(environment):
    """A package that no lock has is installed by any pip into this environment."""
    folder = environment("Makefile")
    assert install_command("spidev", is_optional=True) == f"pip --python {folder}/.venv/bin/python install spidev"


def test_make_extras_has_the_optional_packages():
    """The lock of `make extras` contains each package for which `make extras` is the remedy."""
    lock = (REPOSITORY / "edge/requirements-extras.txt").read_text()
    for name in packages.EXTRAS:
        assert f"\n{name.lower().replace('.', '-')}==" in f"\n{lock}"


def test_apts_packages_are_used_where_they_are_visible(environment):
    """With the system's packages in sight, parts for windows and displays come from apt, under Debian's names."""
    environment("Makefile", system=True)
    assert install_command("pygame", is_optional=True) == "sudo apt install python3-pygame"
    command = install_command("RPi.GPIO", "Pillow", is_optional=True)
    assert command == "sudo apt install python3-rpi-lgpio python3-pil"
    assert picamera_command() == "sudo apt install --no-install-recommends python3-picamera2"


def test_the_service_is_installed_again(environment):
    """A part that the installed service lacks is repaired by its installer."""
    environment("systemd/install.sh", prefix="venv", system=True)
    assert install_command("flask") == REINSTALL


@pytest.mark.parametrize(
    ("mark", "command"),
    [
        ("pipx_metadata.json", "pipx inject edge-emotion 'flask>=3' --pip-args=--no-deps"),
        ("uv-receipt.toml", "uv pip install --python {python} --no-deps 'flask>=3'"),
        ("other", "pip --python {python} install --no-deps 'flask>=3'"),
    ],
)
def test_a_tools_environment_is_changed_with_that_tool(environment, mark, command):
    """Environments of pipx and uv have no pip of their own."""
    folder = environment(f"env/{mark}", prefix="env")
    expected = command.format(python=folder / "env/bin/python")
    assert install_command("flask>=3", without_dependencies=True) == expected


def test_a_python_that_apt_keeps_is_left_alone(environment, monkeypatch, tmp_path):
    """In an externally managed Python, pip would refuse: the remedy is another environment, or apt."""
    folder = environment(prefix="usr", pip=True)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    (folder / "usr/pyvenv.cfg").unlink()
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    assert "pip install" not in install_command("flask")
    assert install_command("pygame", is_optional=True) == "sudo apt install python3-pygame"


@pytest.mark.slow
def test_pip_understands_the_command():
    """In the environment of these tests the commands are pip's, and pip accepts them."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("the environment of these tests has no pip")
    for command in (install_command(REQUIREMENT, without_dependencies=True), install_command("numpy")):
        subprocess.run([*shlex.split(command), "--quiet", "--dry-run"], check=True)  # noqa: S603  # the command under test
    assert uninstall_command("numpy") == f"{sys.executable} -m pip uninstall numpy"
