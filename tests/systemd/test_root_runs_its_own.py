"""Nothing that root runs comes from the folder in which a script is started, or from an unchecked wheel."""

import re
import shutil

import pytest
from fake_root import REPOSITORY, start

PLANTED = ("venv", "ensurepip", "json", "secrets", "numpy", "importlib", "pathlib", "runpy", "edge")


@pytest.fixture
def hostile_folder(tmp_path):
    """A folder in which another user has put modules that leave a file behind when they are imported."""
    folder = tmp_path / "hostile"
    (folder / "pip").mkdir(parents=True)
    code = f"open({str(tmp_path / 'proof')!r}, 'a').write(__name__ + ' ')\nraise SystemExit(77)\n"
    for path in (*(folder / f"{name}.py" for name in PLANTED), folder / "pip/__init__.py", folder / "pip/__main__.py"):
        path.write_text(code)
    return folder


@pytest.fixture
def proof(tmp_path):
    """The file that a planted module leaves behind."""
    return tmp_path / "proof"


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "."}], ids=["", "PYTHONPATH"])
def test_a_dry_run_imports_nothing_from_the_current_folder(environment, release, hostile_folder, proof, variables):
    """Not even with `--dry-run`, which people try first, and wherever they are."""
    script = release() / "systemd/install.sh"
    done = start(script, "--dry-run", environment=environment | variables, folder=hostile_folder)
    assert done.returncode == 0, done.stderr
    assert not proof.exists()


@pytest.mark.slow
@pytest.mark.parametrize("has_pip", [True, False])
def test_installing_imports_nothing_from_the_current_folder(
    environment, release, wheels, hostile_folder, proof, tmp_path, has_pip
):
    """With pip's wheel and with the pip of a new environment; relative names count from where the user was."""
    shutil.copytree(wheels, hostile_folder / "wheels", ignore=None if has_pip else shutil.ignore_patterns("pip-*"))
    script = release() / "systemd/install.sh"
    done = start(script, "--wheels", "wheels", environment=environment | {"DESTDIR": "../root"}, folder=hostile_folder)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "root/opt/edge-emotion/current").exists()
    assert not proof.exists()
    script = script.with_name("uninstall.sh")
    assert start(script, environment=environment | {"DESTDIR": "../root"}, folder=hostile_folder).returncode == 0
    assert not (tmp_path / "root/opt/edge-emotion").exists()
    assert not proof.exists()


def test_a_relative_python_is_refused(environment, release):
    """Such a name would start whatever lies in the current folder."""
    done = start(release() / "systemd/install.sh", "--dry-run", environment=environment | {"PYTHON": "bin/python3"})
    assert (done.returncode, done.stderr) == (
        2,
        "error: expected an absolute path in PYTHON, found bin/python3: PYTHON=/usr/bin/python3\n",
    )


def test_pip_is_checked_before_it_runs(environment, release, wheels, tmp_path, place, proof):
    """A wheel of pip that is not the locked one is refused, and nothing of it runs, however it is named."""
    other = tmp_path / "other"
    shutil.copytree(wheels, other, ignore=shutil.ignore_patterns("pip-*"))
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/__main__.py").write_text(f"open({str(proof)!r}, 'w')\n")
    shutil.make_archive(str(tmp_path / "planted"), "zip", tmp_path, "pip")
    (tmp_path / "planted.zip").rename(other / "pip-99.0-py3-none-any.whl")
    done = start(release() / "systemd/install.sh", "--wheels", other, environment=environment)
    assert done.returncode == 2
    assert done.stderr == (
        "error: expected the pip of systemd/installer/pip.txt, found another or a changed one: "
        f"{other}/pip-99.0-py3-none-any.whl\n"
    )
    assert not proof.exists()
    assert not place.exists()


def test_the_lock_of_pip_is_that_of_the_release():
    """The installer accepts exactly the pip that an archive contains; `make lock` writes both."""
    lock = (REPOSITORY / "systemd/release/requirements.txt").read_text()
    assert (REPOSITORY / "systemd/installer/pip.txt").read_text() == re.search(r"^pip==.*\n(?: .*\n)*", lock, re.M)[0]


@pytest.mark.parametrize(
    "script",
    [path for path in sorted((REPOSITORY / "systemd").rglob("*.sh")) if path.is_file()],
    ids=lambda path: path.name,
)
def test_every_python_in_a_script_is_isolated(script):
    """Each start of an interpreter has -I, which leaves out the current folder, PYTHONPATH and the user's packages."""
    assert re.findall(r'python" -(?!I )[^\n]*', script.read_text(), re.IGNORECASE) == []
