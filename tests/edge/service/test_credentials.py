"""A replaced file is noticed of which systemd gave the service a copy, once it has been written."""

import threading
from pathlib import Path

import pytest
from waiting import LIMIT_S

from edge.service.credentials import CredentialWatch, credential_files
from edge.settings.instance import Instance

UNITS = Path(__file__).parents[3] / "systemd"


@pytest.fixture
def files(tmp_path):
    """Two originals; systemd's folder has a copy of the first."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/web-token").write_text("old")
    paths = {name: tmp_path / name for name in ("web-token", "mqtt-password")}
    for path in paths.values():
        path.write_text("old")
    return paths


@pytest.fixture
def environment(tmp_path):
    return {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}


def test_a_changed_original_is_named(files, environment):
    """A file that is replaced or removed has changed; one of which the service has no copy is not watched."""
    watch = CredentialWatch(files, environment)
    assert watch.changed is None
    files["mqtt-password"].write_text("another")
    assert watch.changed is None
    files["web-token"].write_text("another")
    assert watch.changed == files["web-token"]
    assert CredentialWatch(files, environment).changed is None
    files["web-token"].unlink()
    assert watch.changed == files["web-token"]


def test_outside_a_service_nothing_is_watched(files):
    """A run by hand reads the files themselves."""
    watch = CredentialWatch(files, {})
    files["web-token"].write_text("another")
    assert watch.changed is None
    threads = threading.active_count()
    with watch.watching(pytest.fail):
        assert threading.active_count() == threads


def test_each_change_is_reported_once(files, environment):
    """Each change calls the function once; the thread ends with the block."""
    calls = threading.Semaphore(0)
    watch = CredentialWatch(files, environment)
    with watch.watching(calls.release, poll_s=0.01):
        for content in ("new one", "another new one"):
            files["web-token"].write_text(content)
            assert calls.acquire(timeout=LIMIT_S)
        assert not calls.acquire(timeout=0.1)
    assert "credentials" not in {thread.name for thread in threading.enumerate()}


def test_a_file_that_is_being_written_has_not_changed_yet(files, environment):
    """The function is called only after the file was the same at two looks, so that no half of it is read."""
    path, parts, sizes = files["web-token"], ["x" * 10] * 5, []

    class Writing(threading.Event):
        """Writes a part of the file before each of the first looks."""

        def wait(self, timeout=None):
            if parts:
                with path.open("a") as file:
                    file.write(parts.pop())
            return super().wait(timeout)

    stop = Writing()

    def changed():
        sizes.append(path.stat().st_size)
        stop.set()

    CredentialWatch(files, environment)._watch(changed, 0.0, stop)
    assert sizes == [len("old") + 50]


@pytest.mark.parametrize(("unit", "instance"), [("edge-emotion", Instance()), ("edge-emotion@", Instance("garden"))])
def test_the_files_are_those_that_the_unit_loads(unit, instance):
    """Each LoadCredential of the unit is watched at its path, and no other."""
    text = (UNITS / f"{unit}.service").read_text().replace("%i", instance.name)
    loaded = [line.removeprefix("LoadCredential=") for line in text.splitlines() if line.startswith("LoadCredential=")]
    assert sorted(loaded) == sorted(f"{name}:{path}" for name, path in credential_files(instance).items())
