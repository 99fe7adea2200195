"""`make` makes the environments again that an upgrade of the system has broken, and none on a system of 32 bits."""

import shutil
import subprocess
import sys

import pytest
from roots import REPOSITORY, put_program

LISTS = ["pyproject.toml", "edge/requirements.txt"]


@pytest.fixture
def checkout(tmp_path):
    """Folder with the Makefile and what the runtime's environment depends on."""
    folder = tmp_path / "checkout"
    (folder / "edge").mkdir(parents=True)
    for name in ["Makefile", *LISTS]:
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture
def environment(checkout):
    """The runtime's environment in it, as `make` leaves it, though without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)  # noqa: S603  # ours
    (checkout / ".venv/ready").touch()
    return checkout / ".venv"


def make(checkout, *words):
    command = ["make", "-C", checkout, ".venv/ready", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own Makefile


def is_up_to_date(checkout):
    return make(checkout, "--question").returncode == 0


def test_an_environment_is_made_once(checkout, environment):  # noqa: ARG001
    """Until its list of packages changes."""
    assert is_up_to_date(checkout)
    (checkout / LISTS[1]).touch()
    assert not is_up_to_date(checkout)


def test_an_environment_for_another_python_is_made_again(checkout, environment):
    """Its packages are those of the old one, and the new one does not find them."""
    (packages,) = environment.glob("lib/python3.*")
    packages.rename(packages.with_name("python3.9"))
    assert not is_up_to_date(checkout)


def test_an_environment_whose_python_is_gone_is_made_again(checkout, environment):
    """Its link leads nowhere."""
    python = environment / "bin/python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.0")
    assert not is_up_to_date(checkout)


def test_32_bits_are_refused_before_anything_is_fetched(checkout, tmp_path):
    """There are no wheels for them; pip would say so in other words."""
    python = put_program(
        tmp_path / "python32",
        f'shift; code=$1; shift; exec {sys.executable} -c "import sys; sys.maxsize = 2**31 - 1; $code" "$@"',
    )
    done = make(checkout, f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "expected a 64-bit system, found a 32-bit one: install Raspberry Pi OS (64-bit)"
    )
    assert not (checkout / ".venv").exists()
