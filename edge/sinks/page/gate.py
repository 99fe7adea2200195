"""Lets in who may see the page, and tells browsers what it may do."""

import hashlib
import hmac
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug import Request, Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COOKIE = "edge-emotion"
COOKIE_AGE_S = 30 * 24 * 3600

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}

OPEN_TO_ALL = re.compile(r"/healthz|/static/[\w.]+")
"""One word for a probe that has no token, and the looks of the form that asks for it."""

TOKEN_FORM = "/token"  # noqa: S105  # a path
"""Takes the token from a form, for who does not have it in the address."""


class Gate:
    """Guards an application.

    token: whoever knows it is let in; empty lets everybody in who can reach the port.
    hosts: names by which the page may be called, beside this machine's own.
    make_form: a page that asks for the token; told whether a wrong one was given.
    """

    def __init__(
        self, application: "WSGIApplication", *, token: str, hosts: Iterable[str], make_form: Callable[[bool], str]
    ) -> None:
        self._application = application
        self._token = token.encode()
        # What the browser keeps is not the token: it opens this page, and nothing else that the token may open.
        self._pass = hmac.digest(self._token, b"edge-emotion page", hashlib.sha256).hex().encode()
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, f"{name}.local", *(host.lower() for host in hosts)}
        self._make_form = make_form

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer, or let the application answer; every answer has the headers of safety."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> Callable[[bytes], object]:
            mine = Headers([(name, value) for name, value in headers if name not in HEADERS])
            mine.extend(HEADERS)
            return start_response(status, mine.to_wsgi_list(), exc_info)  # type: ignore[arg-type]  # passed through

        answer = self._answer(Request(environ)) or self._application
        return answer(environ, start)

    def _answer(self, request: Request) -> Response | None:
        """Return a refusal or a redirection; None lets the request in."""
        if not self._is_our_name(request):
            return _say(403, "This is not a name of this page. Add it to page.hosts, if it should be.")
        if _is_foreign(request):
            return _say(403, "This page does not answer to other pages.")
        if not self._token or OPEN_TO_ALL.fullmatch(request.path):
            return None
        if request.path == TOKEN_FORM and request.method == "POST":
            given: str | None = request.form.get("token", "").strip()
        else:
            given = request.args.get("token")
        if given is not None:
            return self._admit() if _same(given.encode(), self._token) else self._ask_token(wrong=True)
        return None if self._has_pass(request) else self._ask_token(wrong=False)

    def _is_our_name(self, request: Request) -> bool:
        """Whether the browser meant this machine, and not a foreign name that was made to point at it."""
        try:
            host = (urlsplit(f"//{request.headers.get('Host', '')}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return host in self._hosts or _is_address(host)

    def _has_pass(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and _same(given.strip().encode(), self._token):
            return True
        return _same(request.cookies.get(COOKIE, "").encode(), self._pass)

    def _admit(self) -> Response:
        """Leave a cookie, and send the browser to an address without the token."""
        answer = Response(status=303, headers={"Location": "/"})
        answer.set_cookie(COOKIE, self._pass.decode(), max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")
        return answer

    def _ask_token(self, *, wrong: bool) -> Response:
        return Response(self._make_form(wrong), 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/html")


def _is_foreign(request: Request) -> bool:
    """Whether another page asks, be it to show this one in a frame. To follow a link to here is not foreign."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        return False
    follows = (
        request.headers.get("Sec-Fetch-Mode") == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"
    )
    return not (follows and request.method == "GET")


def _is_address(host: str) -> bool:
    """Whether a host is given by its number, which no name server can turn elsewhere."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _same(given: bytes, expected: bytes) -> bool:
    """Compare in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given, expected)


def _say(status: int, words: str) -> Response:
    return Response(words + "\n", status, mimetype="text/plain")
