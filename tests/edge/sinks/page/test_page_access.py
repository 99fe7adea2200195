"""Visitors without permission learn nothing from the page, and no other site can read, frame or control it."""

import logging
import random
import socket

import pytest

pytest.importorskip("flask", reason="the live page needs Flask")
from werkzeug.test import Client, create_environ, run_wsgi_app
from werkzeug.wrappers import Response

from edge.sinks.page.access import COOKIE, HEADERS, AccessControl

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # a made-up token
ORIGIN = "http://127.0.0.1:8470"

FORM = "token, please, wrong: {}"


def new_client(token="", hosts=()):
    """Return a client of an application that responds `in`, behind the access control."""
    inner = Response("in", headers={"X-Frame-Options": "ALLOWALL"})
    return Client(AccessControl(inner, token=lambda: token or None, hosts=hosts, render_form=FORM.format))


def request(client, path="/", host="127.0.0.1:8470", method="GET", **options):
    return client.open(path, base_url=f"http://{host}/", method=method, **options)


@pytest.mark.parametrize("token", ["", TOKEN])
def test_every_response_has_the_security_headers(token):
    """Refusals have the security headers too, and the wrapped application cannot override them."""
    for host in ("127.0.0.1", "evil.example"):
        headers = request(new_client(token), host=host).headers
        assert {name: headers.getlist(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}


def test_the_policy_allows_no_foreign_and_no_inline_code():
    """The security policy forbids foreign and inline code, and all framing of the page."""
    rules = dict(rule.split(" ", 1) for rule in HEADERS["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8470", "localhost:9000", "[::1]:8470", "192.168.1.20:8470", "LOCALHOST", socket.gethostname(),
     f"{socket.gethostname()}.local:8470", "pi.example:8470"],
)  # fmt: skip
def test_the_machines_own_names_are_allowed(host):
    """Requests to this machine's names, to the names in the settings and to any IP address are admitted."""
    assert request(new_client(hosts=("Pi.example",)), host=host).data == b"in"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8470"]
)
def test_a_foreign_name_is_refused(host):
    """A request to another host name is refused: with DNS rebinding a foreign name resolves to this machine."""
    response = request(new_client(), host=host)
    assert response.status_code == 403
    assert b"in" not in response.data.split()


@pytest.mark.parametrize("host", ["", "[", "[::1", "a b"])
def test_a_malformed_host_is_refused(host):
    """A request with a malformed Host header is refused and does not crash the application."""
    assert request(new_client(), headers={"Host": host}).status_code == 403


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://["},
    {"Origin": "http://[::1"},
    {"Origin": "http://\u2100"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]
OWN = [
    {},
    {"Origin": ORIGIN},
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_requests_from_other_sites_are_refused(headers):
    """Scripts, images and frames that another site requests are refused, even with the right token."""
    assert request(new_client(), headers=headers).status_code == 403
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert request(new_client(TOKEN), headers=headers | bearer).status_code == 403


@pytest.mark.parametrize("headers", OWN)
def test_the_page_itself_a_bookmark_and_a_link_are_allowed(headers):
    """A browser's headers for these three, and a program's request without such headers, are admitted."""
    assert request(new_client(), headers=headers).data == b"in"


@pytest.mark.parametrize("path", ["/", "/frame", "/events", "/status", "/metrics", "/healthz/", "/static/../status"])
def test_without_the_token_every_path_shows_the_form(path):
    """A request without the token gets the form, and the application itself does not see it."""
    response = request(new_client(TOKEN), path)
    assert response.status_code == 401
    assert response.data == FORM.format(False).encode()


@pytest.mark.parametrize("path", ["/healthz", "/static/page.css"])
def test_the_health_probe_and_the_forms_style_need_no_token(path):
    """Probe and style sheet are served without a token: a probe has none, and the form comes before it."""
    assert request(new_client(TOKEN), path).data == b"in"


def enter_token(client, token=TOKEN):
    return request(client, "/token", method="POST", data={"token": token}, headers={"Origin": ORIGIN})


def test_the_form_sets_a_cookie():
    """Entering the token sets a cookie that contains no token and that other sites and scripts cannot use."""
    client = new_client(TOKEN)
    response = enter_token(client, f" {TOKEN} ")  # spaces around a pasted token are ignored
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in str(response.headers)
    assert request(client, "/status").data == b"in"


@pytest.mark.parametrize("path", ["/", "/status", "/token"])
def test_a_url_with_the_token_opens_no_page(path):
    """The token in a page's URL, which would stay in the browser's history, admits nobody."""
    response = request(new_client(TOKEN), f"{path}?token={TOKEN}")
    assert response.status_code == 401
    assert "Set-Cookie" not in response.headers


def test_a_wrong_token_shows_the_form_with_an_error():
    """A wrong token gives the form with an error and sets no cookie."""
    for guess in ("guess", "é"):
        response = enter_token(new_client(TOKEN), guess)
        assert response.status_code == 401
        assert response.data == FORM.format(True).encode()
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("value", ["", "guess", TOKEN, "é"])
def test_any_other_cookie_is_refused(value):
    """Not even the token itself is valid as a cookie."""
    client = new_client(TOKEN)
    client.set_cookie(COOKIE, value, domain="127.0.0.1")
    assert request(client, "/status").status_code == 401


def test_a_new_token_invalidates_old_cookies():
    """A cookie that was set for one token does not open a page with another one."""
    client, other = new_client(TOKEN), new_client(TOKEN[::-1])
    enter_token(client)
    other.set_cookie(COOKIE, client.get_cookie(COOKIE, domain="127.0.0.1").value, domain="127.0.0.1")
    assert request(other, "/status").status_code == 401


@pytest.mark.parametrize(("header", "code"), [(f"Bearer {TOKEN}", 200), ("Bearer guess", 401), (f"Basic {TOKEN}", 401)])
def test_a_program_sends_the_token_in_a_header(header, code):
    """Only the Bearer scheme with the right token is accepted."""
    assert request(new_client(TOKEN), "/metrics", headers={"Authorization": header}).status_code == code


def test_tokens_are_compared_in_constant_time(monkeypatch):
    """The library's function compares the token in the URL, in the header, and the cookie."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: bool(compared.append((a, b))))
    request(new_client(TOKEN), "/snapshot.jpg?token=guess")
    client = new_client(TOKEN)
    client.set_cookie(COOKIE, "guess", domain="127.0.0.1")
    request(client, headers={"Authorization": "Bearer guess"})
    assert [given for given, _ in compared] == [b"guess"] * 3


def test_the_token_is_not_logged(caplog):
    """Neither a URL with the token nor the form leaves it in the log, at any level."""
    caplog.set_level(logging.DEBUG)
    client = new_client(TOKEN)
    request(client, f"/snapshot.jpg?token={TOKEN}")
    enter_token(client)
    assert TOKEN not in caplog.text


class Token:
    """A token that a test may change."""

    value = TOKEN

    def __call__(self):
        return self.value


def test_a_changed_token_shuts_out_whoever_has_the_old_one():
    """Cookie and header of the old token are refused with the next request; an unusable token opens nothing."""
    token = Token()
    client = Client(AccessControl(Response("in"), token=token, hosts=(), render_form=FORM.format))
    enter_token(client)
    assert request(client, "/status").data == b"in"
    token.value = TOKEN[::-1]
    assert request(client, "/status").status_code == 401
    assert request(client, "/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401
    assert request(client, "/status", headers={"Authorization": f"Bearer {token.value}"}).data == b"in"
    token.value = ""
    for given in ("Bearer ", "Bearer", f"Bearer {TOKEN}"):
        assert request(client, "/status", headers={"Authorization": given}).status_code == 401
    assert request(client, "/snapshot.jpg?token=").status_code == 401
    assert enter_token(client, "").status_code == 401


def test_a_changed_token_ends_a_stream():
    """A stream that the old token opened gets no further part, and is closed."""
    token, closed = Token(), []

    def parts():
        try:
            while True:
                yield b"part"
        finally:
            closed.append(True)

    def stream(_, start_response):
        start_response("200 OK", [])
        return parts()

    client = Client(AccessControl(stream, token=token, hosts=(), render_form=FORM.format))
    response = request(client, f"/stream.mjpeg?token={TOKEN}", buffered=False)
    received = response.iter_encoded()
    assert next(received) == b"part"
    token.value = TOKEN[::-1]
    assert next(received, None) is None
    response.close()
    assert closed


@pytest.mark.parametrize("header", ["Basic é", "Basic =", "Basic", "Basic /w==", "Digest x", "Bearer é"])
def test_a_malformed_login_is_refused(header):
    """A password that is no base64 text does not make the request fail."""
    assert request(new_client(TOKEN), "/snapshot.jpg", headers={"Authorization": header}).status_code == 401


PARTS = (
    "http://", "[", "]", "::1", "127.0.0.1", ":", ":99999999999", "@", "%", "%zz", "\xff\xfe", "\x00", "é", " ", "=",
    "Basic ", "Bearer ", "Digest username=", '"', "bm90YnV0dG9u", "Og==", "edge-emotion", "token", "null",
    ";", ",", "a" * 300, "-1",
    "\u2100", "xn--", ".", "..", "/", "?", "#", "&", "\t", "localhost", "multipart/form-data; boundary=", "chunked",
)  # fmt: skip
HEADERS_THAT_ARE_READ = (
    "HTTP_HOST", "HTTP_ORIGIN", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE",
    "QUERY_STRING", "PATH_INFO", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING",
)  # fmt: skip


def test_no_request_makes_the_access_control_fail():
    """Whatever headers, path and query contain, the answer is a refusal or the form, never the page or an exception."""
    rng = random.Random(7)  # noqa: S311  # repeatable, and no secret
    control = AccessControl(Response("in"), token=lambda: TOKEN, hosts=(), render_form=FORM.format)
    codes = set()
    for _ in range(3000):
        environ = create_environ(
            method=rng.choice(("GET", "POST", "HEAD", "")), path=rng.choice(("/", "/token", "/snapshot.jpg"))
        )
        environ["HTTP_HOST"] = "127.0.0.1"
        for name in rng.sample(HEADERS_THAT_ARE_READ, rng.randrange(5)):
            text = "".join(rng.choices(PARTS, k=rng.randrange(6)))
            environ[name] = text.encode("utf-8", "replace").decode("latin-1")
        _, status, _ = run_wsgi_app(control, environ, buffered=True)
        codes.add(int(status.split()[0]))
    assert codes == {401, 403}
