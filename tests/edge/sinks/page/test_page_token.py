"""A page that other machines can reach needs a secret token; a file that is no secret is refused in one line."""

import os

import pytest

from edge.errors import SinkError
from edge.settings.sinks import PageSettings
from edge.sinks.page.token import CurrentToken, find_token, read_token

SECRET = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # a made-up token


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "web-token"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_a_loopback_address_needs_no_token(address):
    """On a loopback address, which only this machine can reach, no token is needed."""
    assert find_token(PageSettings(address=address), {}) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.20", "::", "fe80::1"])  # noqa: S104  # nothing is bound
def test_any_other_address_needs_a_token(address, token_file):
    """Without one the page is not served, and the error names the settings to change."""
    with pytest.raises(SinkError, match=r"expected page\.token_file, .*found none: set it") as caught:
        find_token(PageSettings(address=address), {})
    assert "\n" not in str(caught.value)
    assert find_token(PageSettings(address=address, token_file=str(token_file)), {}) == SECRET


def test_a_token_may_be_set_for_a_loopback_address(token_file):
    """A token that the settings name is always required."""
    assert find_token(PageSettings(token_file=str(token_file)), {}) == SECRET


def test_a_systemd_credential_replaces_the_file(token_file, tmp_path):
    """The service reads the copy that systemd provides under the same name; without one, the file itself."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    settings = PageSettings(token_file=str(token_file))
    assert find_token(settings, environment) == SECRET
    (credentials / "web-token").write_text("another" * 4)
    (credentials / "web-token").chmod(0o440)
    assert find_token(settings, environment) == "another" * 4


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
def test_a_file_that_everybody_may_read_or_write_is_refused(token_file, mode):
    """If everybody may read or write the token's file, the error has the command that restricts it."""
    token_file.chmod(mode)
    with pytest.raises(SinkError, match=r"expected a secret token, found .*: chmod o= "):
        read_token(token_file)


@pytest.mark.parametrize("content", ["", "\n", "short", "two words of some length", "é" * 20, SECRET + "\n" + SECRET])
def test_content_that_is_no_token_is_refused(token_file, content):
    """That includes the service's empty credential if no token was generated; the error does not quote the content."""
    token_file.write_text(content)
    with pytest.raises(SinkError, match="expected a token of 16 or more letters and digits, found") as caught:
        read_token(token_file)
    assert SECRET not in str(caught.value)


def test_the_remedy_for_a_missing_file_generates_a_token(tmp_path):
    """The error contains the command to copy."""
    with pytest.raises(SinkError, match=r"found no such file: \(umask 077; python3 "):
        read_token(tmp_path / "web-token")


def test_the_remedy_for_an_unreadable_file_does_not_overwrite_it(tmp_path):
    """Whatever is in its place, such as a folder, must not be replaced by a new token."""
    with pytest.raises(SinkError, match="found: Is a directory: let this user read it, or name another file"):
        read_token(tmp_path)


def replace_file(path, content):
    """Replace a file by another one, as editors and installers do."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o600)
    new.replace(path)


def test_a_replaced_token_is_read_without_a_restart(token_file):
    """Only the new token is valid from then on; while the file holds none that can be used, none is."""
    token = CurrentToken(PageSettings(token_file=str(token_file)), {})
    assert token() == SECRET
    replace_file(token_file, SECRET[::-1])
    assert token() == SECRET[::-1]
    replace_file(token_file, "short")
    assert token() == ""
    token_file.unlink()
    assert token() == ""
    replace_file(token_file, SECRET)
    assert token() == SECRET


def test_a_token_written_into_the_same_file_is_read(token_file):
    """A file that is written again is noticed, too, even if its length stays."""
    token = CurrentToken(PageSettings(token_file=str(token_file)), {})
    token_file.write_text(SECRET[::-1] + "\n")
    os.utime(token_file, ns=(1, 1))  # a coarse clock may give both writes the same time
    assert token() == SECRET[::-1]


def test_a_service_whose_token_has_changed_admits_nobody(token_file, tmp_path, caplog):
    """Systemd's copy keeps the old token until the next start, so it is no longer accepted, and a line says so."""
    (tmp_path / "credentials").mkdir()
    copy = tmp_path / "credentials" / token_file.name
    copy.write_text(SECRET)
    copy.chmod(0o600)
    settings = PageSettings(token_file=str(token_file))
    token = CurrentToken(settings, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})
    assert token() == SECRET
    replace_file(token_file, SECRET[::-1])
    assert [token(), token()] == ["", ""]
    assert [record.message for record in caplog.records] == [
        f"{token_file} has changed: nobody can open the page until the service has started again"
    ]


def test_a_page_for_this_machine_alone_needs_no_token():
    """Without a token file there is nothing to follow."""
    assert CurrentToken(PageSettings(), {})() is None
