"""Who may not see the page is told nothing, and no other page can read, frame or steer it."""

import logging
import socket

import pytest

pytest.importorskip("flask", reason="the live page needs Flask: pip install '.[web]' in the project's folder")
from werkzeug.test import Client
from werkzeug.wrappers import Response

from edge.sinks.page.gate import COOKIE, HEADERS, Gate

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # opens nothing
HERE = "http://127.0.0.1:8470"


def client(token="", hosts=()):
    """Of a gate before an application that says `in`."""
    inner = Response("in", headers={"X-Frame-Options": "ALLOWALL"})
    return Client(Gate(inner, token=token, hosts=hosts, make_form=lambda wrong: f"token, please, wrong: {wrong}"))


def ask(browser, path="/", host="127.0.0.1:8470", method="GET", **options):
    return browser.open(path, base_url=f"http://{host}/", method=method, **options)


@pytest.mark.parametrize("token", ["", TOKEN])
def test_every_answer_has_the_headers_of_safety(token):
    """Refusals too; an application that is mounted cannot take them back."""
    for host in ("127.0.0.1", "evil.example"):
        headers = ask(client(token), host=host).headers
        assert {name: headers.getlist(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}


def test_the_policy_lets_no_foreign_and_no_inline_code_in():
    """Nor may anybody frame the page."""
    rules = dict(rule.split(" ", 1) for rule in HEADERS["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8470", "localhost:9000", "[::1]:8470", "192.168.1.20:8470", "LOCALHOST", socket.gethostname(),
     f"{socket.gethostname()}.local:8470", "pi.example:8470"],
)  # fmt: skip
def test_its_own_names_are_answered(host):
    """Any address too, since no name server can point an address elsewhere; and the names of the settings."""
    assert ask(client(hosts=("Pi.example",)), host=host).data == b"in"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8470"]
)
def test_a_foreign_name_that_points_here_is_not(host):
    """DNS rebinding: another page's name that was made to mean this machine."""
    answer = ask(client(), host=host)
    assert answer.status_code == 403
    assert b"in" not in answer.data.split()


@pytest.mark.parametrize("host", ["", "[", "[::1", "a b"])
def test_a_broken_name_is_refused(host):
    assert ask(client(), headers={"Host": host}).status_code == 403


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]
OURS = [
    {},
    {"Origin": HERE},
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_page_is_refused(headers):
    """Whether it reads, shows as a picture, or frames: and with the right pass, too."""
    assert ask(client(), headers=headers).status_code == 403
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(client(TOKEN), headers=headers | bearer).status_code == 403


@pytest.mark.parametrize("headers", OURS)
def test_our_own_page_a_bookmark_and_a_link_are_let_in(headers):
    assert ask(client(), headers=headers).data == b"in"


@pytest.mark.parametrize("path", ["/", "/frame", "/events", "/status", "/metrics", "/healthz/", "/static/../status"])
def test_without_the_token_nothing_is_told(path):
    answer = ask(client(TOKEN), path)
    assert answer.status_code == 401
    assert answer.data == b"token, please, wrong: False"


@pytest.mark.parametrize("path", ["/healthz", "/static/page.css"])
def test_a_probe_and_the_forms_looks_need_no_token(path):
    assert ask(client(TOKEN), path).data == b"in"


def test_the_address_with_the_token_leads_to_one_without_and_leaves_a_pass():
    """The pass is a cookie that no script and no other page can use, and is not the token."""
    browser = client(TOKEN)
    answer = ask(browser, f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in str(answer.headers)
    assert ask(browser, "/status").data == b"in"


def test_the_form_does_the_same():
    browser = client(TOKEN)
    answer = ask(browser, "/token", method="POST", data={"token": f" {TOKEN} "}, headers={"Origin": HERE})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert ask(browser, "/status").data == b"in"


def test_a_wrong_token_is_said_to_be_wrong():
    for answer in (
        ask(client(TOKEN), "/?token=guess"),
        ask(client(TOKEN), "/token", method="POST", data={"token": "é"}),
    ):
        assert answer.status_code == 401
        assert answer.data == b"token, please, wrong: True"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("value", ["", "guess", TOKEN, "é"])
def test_no_other_cookie_is_a_pass(value):
    """Not even the token itself."""
    browser = client(TOKEN)
    browser.set_cookie(COOKIE, value, domain="127.0.0.1")
    assert ask(browser, "/status").status_code == 401


def test_a_pass_is_of_no_use_after_the_token_was_changed():
    browser, other = client(TOKEN), client(TOKEN[::-1])
    ask(browser, f"/?token={TOKEN}")
    other.set_cookie(COOKIE, browser.get_cookie(COOKIE, domain="127.0.0.1").value, domain="127.0.0.1")
    assert ask(other, "/status").status_code == 401


@pytest.mark.parametrize(("header", "code"), [(f"Bearer {TOKEN}", 200), ("Bearer guess", 401), (f"Basic {TOKEN}", 401)])
def test_a_program_brings_the_token_in_a_header(header, code):
    assert ask(client(TOKEN), "/metrics", headers={"Authorization": header}).status_code == code


def test_tokens_are_compared_in_constant_time(monkeypatch):
    """By the library's own function, for the cookie as well."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: bool(compared.append((a, b))))
    ask(client(TOKEN), "/?token=guess")
    browser = client(TOKEN)
    browser.set_cookie(COOKIE, "guess", domain="127.0.0.1")
    ask(browser, headers={"Authorization": "Bearer guess"})
    assert [given for given, _ in compared] == [b"guess"] * 3


def test_the_token_is_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    browser = client(TOKEN)
    ask(browser, f"/?token={TOKEN}")
    ask(browser, "/token", method="POST", data={"token": TOKEN})
    assert TOKEN not in caplog.text
