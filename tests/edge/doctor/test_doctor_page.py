"""The doctor says where the live page is, or why it cannot be served to those alone who may see it."""

import socket
import sys

import pytest

pytest.importorskip("flask", reason="the live page needs Flask: pip install '.[web]' in the project's folder")
pytest.importorskip("waitress", reason="the live page needs waitress: pip install '.[web]' in the project's folder")

import msgspec
from statuses import HEALTHY

from edge.doctor.context import Identity
from edge.runtime.answer import Answerer
from edge.status import SinkStatus

STATUS = HEALTHY

SECRET = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # opens nothing
ROOT, SOMEBODY = Identity("root", 0, frozenset([0])), Identity("somebody", 54321, frozenset([54321]))


@pytest.fixture
def free():
    """A port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def asked_for(config, free):
    """Settings that ask for the page on a free port."""
    return lambda more="": config(f"[page]\nenabled = true\nport = {free}\n{more}")


def test_by_default_there_is_none(find):
    """Nothing is looked for."""
    assert (find("page").status, find("page").text) == ("ok", "not asked for")


def test_a_free_port_is_well(find, asked_for, free):
    found = find("page", config=asked_for())
    assert (found.status, found.text) == ("ok", f"port {free} of 127.0.0.1 is free")


def test_a_port_in_use_is_a_warning(find, asked_for, free):
    """The run would go on without the page; the remedy is the key to change."""
    with socket.create_server(("127.0.0.1", free)):
        found = find("page", config=asked_for())
    assert (found.status, found.remedy) == ("warning", "set page.port or page.address to another")


def test_the_address_of_another_machine_is_a_warning(find, asked_for, tree):
    elsewhere = 'address = "192.0.2.1"\ntoken_file = "/etc/edge-emotion/web-token"'
    root = tree({"etc/edge-emotion/web-token": SECRET})
    (root / "etc/edge-emotion/web-token").chmod(0o600)
    found = find("page", config=asked_for(elsewhere), root=root, identity=ROOT)
    assert (found.status, "cannot assign requested address" in found.text) == ("warning", True)


def test_others_may_not_reach_a_page_without_a_token(find, asked_for):
    found = find("page", config=asked_for('address = "0.0.0.0"'))
    assert found.status == "warning"
    assert "expected page.token_file" in found.text


@pytest.mark.parametrize(
    ("content", "mode", "identity", "words"),
    [
        (SECRET, 0o600, ROOT, "is free"),
        (SECRET, 0o604, ROOT, "expected a token that is secret"),
        ("short", 0o600, ROOT, "expected a token of 16 or more"),
        (None, 0o600, ROOT, "found no such file"),
        (SECRET, 0o600, SOMEBODY, "expected a token that somebody may read, found one that somebody may not"),
    ],
)
def test_the_token_is_readable_by_its_user_and_secret(find, asked_for, tree, content, mode, identity, words):
    root = tree({"etc/edge-emotion/web-token": content})
    token = root / "etc/edge-emotion/web-token"
    if content is not None:
        token.chmod(mode)
    found = find("page", config=asked_for('token_file = "/etc/edge-emotion/web-token"'), root=root, identity=identity)
    assert words in found.text
    assert found.status == ("ok" if words == "is free" else "warning")
    assert bool(found.remedy) == (found.status == "warning")
    assert SECRET not in found.text + found.remedy


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        ({"note": "http://127.0.0.1:8470"}, "ok", "http://127.0.0.1:8470"),
        ({"error": "expected this, found that: do so"}, "warning", "expected this, found that"),
    ],
)
def test_the_service_that_runs_knows_best(find, asked_for, open_root, free, facts, status, text):
    """Its own port is in use, by itself."""
    path = open_root / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    served = msgspec.structs.replace(STATUS, sinks=[SinkStatus(name="page", **facts)])
    answerer = Answerer(path, lambda: msgspec.json.encode(served))
    try:
        with socket.create_server(("127.0.0.1", free)):
            found = find("page", config=asked_for(), root=open_root)
    finally:
        answerer.close()
    assert (found.status, found.text) == (status, text)


def test_a_missing_package_is_named(find, asked_for, monkeypatch):
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "flask", None)
    assert find("page", config=asked_for()).remedy == "pip install '.[web]' in the project's folder"
