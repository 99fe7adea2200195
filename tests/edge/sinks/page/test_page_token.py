"""Where others can reach the page it opens with a secret alone, and what is no secret is refused in one line."""

import pytest

from edge.errors import SinkError
from edge.sink_settings import PageSettings
from edge.sinks.page.token import find_token, read_token

SECRET = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # opens nothing


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "web-token"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_alone_needs_no_token(address):
    assert find_token(PageSettings(address=address), {}) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.20", "::", "fe80::1"])  # noqa: S104  # what is refused
def test_any_other_address_does(address, token_file):
    """Without one the page stays off, and the line says what to set."""
    with pytest.raises(SinkError, match=r"expected page\.token_file, .*found none: set it") as caught:
        find_token(PageSettings(address=address), {})
    assert "\n" not in str(caught.value)
    assert find_token(PageSettings(address=address, token_file=str(token_file)), {}) == SECRET


def test_a_named_token_is_asked_for_on_this_machine_too(token_file):
    assert find_token(PageSettings(token_file=str(token_file)), {}) == SECRET


def test_systemd_hands_the_service_a_copy_of_what_it_may_not_read(token_file, tmp_path):
    """Under the same name, in a folder of its own; elsewhere the file itself is read."""
    handed = tmp_path / "credentials"
    handed.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(handed)}
    settings = PageSettings(token_file=str(token_file))
    assert find_token(settings, environment) == SECRET
    (handed / "web-token").write_text("another" * 4)
    (handed / "web-token").chmod(0o440)
    assert find_token(settings, environment) == "another" * 4


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
def test_a_token_that_all_may_read_is_none(token_file, mode):
    token_file.chmod(mode)
    with pytest.raises(SinkError, match=r"expected a token that is secret, found .*: chmod o= "):
        read_token(token_file)


@pytest.mark.parametrize("content", ["", "\n", "short", "two words of some length", "é" * 20, SECRET + "\n" + SECRET])
def test_what_is_no_token_is_refused(token_file, content):
    """Of an empty credential, as the service has it where no token was drawn, too; it is not quoted."""
    token_file.write_text(content)
    with pytest.raises(SinkError, match="expected a token of 16 or more letters and digits, found") as caught:
        read_token(token_file)
    assert SECRET not in str(caught.value)


def test_a_missing_token_is_told_with_the_command_that_draws_one(tmp_path):
    with pytest.raises(SinkError, match=r"found no such file: \(umask 077; python3 "):
        read_token(tmp_path / "web-token")


def test_a_token_that_cannot_be_read_is_not_drawn_anew(tmp_path):
    """A folder in its place, for one: to write over what is there is no remedy."""
    with pytest.raises(SinkError, match="found: Is a directory: let this user read it, or name another file"):
        read_token(tmp_path)
