"""WSGI middleware that decides who may see the page, and sets the security headers of every response."""

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

PUBLIC_PATHS = re.compile(r"/healthz|/static/[\w.]+")
"""Paths that need no token: the health probe, and the style of the form that asks for the token."""

PICTURE_PATHS = {"/stream.mjpeg", "/snapshot.jpg"}
"""Paths for programs that show a camera's picture. They know Basic authentication or a URL, and neither cookies nor
forms."""

TOKEN_FORM = "/token"  # noqa: S105  # a path, not a token
"""Path to which the form posts the token."""


class AccessControl:
    """Wraps an application: checks host, origin and token of each request before passing it on.

    Args:
        application: the application to protect.
        token: secret that opens the page; if empty, everybody who can reach the port is admitted.
        hosts: host names that browsers may use, in addition to this machine's own names and every IP address.
        render_form: returns the page that asks for the token; its argument says whether the request had a wrong one.
    """

    def __init__(
        self, application: "WSGIApplication", *, token: str, hosts: Iterable[str], render_form: Callable[[bool], str]
    ) -> None:
        self._application = application
        self._token = token.encode()
        # The cookie holds a hash: unlike the token it opens nothing but this page.
        self._cookie = hmac.digest(self._token, b"edge-emotion page", hashlib.sha256).hex().encode()
        name = socket.gethostname().lower()
        self._hosts = {"localhost", name, f"{name}.local", *(host.lower() for host in hosts)}
        self._render_form = render_form

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Respond to a request, or let the application respond; every response gets the security headers."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> Callable[[bytes], object]:
            secured = Headers([(name, value) for name, value in headers if name not in HEADERS])
            secured.extend(HEADERS)
            return start_response(
                status,
                secured.to_wsgi_list(),
                exc_info,  # type: ignore[arg-type]  # typed as object, since it is only passed through
            )

        respond = self._intercept(Request(environ)) or self._application
        return respond(environ, start)

    def _intercept(self, request: Request) -> Response | None:
        """Return a refusal, a redirect or the token form; None admits the request."""
        if not self._is_own_host(request):
            return _text(403, "This host name is not allowed. Add it to page.hosts if it should be.")
        if _is_cross_site(request):
            return _text(403, "Requests from other sites are not allowed.")
        if not self._token or PUBLIC_PATHS.fullmatch(request.path):
            return None
        if request.path in PICTURE_PATHS:
            return None if self._is_picture_authorized(request) else _ask_password()
        if request.path == TOKEN_FORM and request.method == "POST":
            given: str | None = request.form.get("token", "").strip()
        else:
            given = request.args.get("token")
        if given is not None:
            return self._admit() if _equal(given.encode(), self._token) else self._ask_token(wrong=True)
        return None if self._is_authorized(request) else self._ask_token(wrong=False)

    def _is_own_host(self, request: Request) -> bool:
        """Return whether the Host header names this machine, and not a foreign name that resolves to it."""
        try:
            host = (urlsplit(f"//{request.headers.get('Host', '')}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return host in self._hosts or _is_ip_address(host)

    def _is_authorized(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and _equal(given.strip().encode(), self._token):
            return True
        return _equal(request.cookies.get(COOKIE, "").encode(), self._cookie)

    def _is_picture_authorized(self, request: Request) -> bool:
        """Return whether the token is in the URL, is the password of any user, or is given as for other paths."""
        given = request.args.get("token")
        if given is not None:
            return _equal(given.encode(), self._token)
        login = request.authorization
        if login is not None and login.type == "basic":
            return _equal((login.password or "").encode(), self._token)
        return self._is_authorized(request)

    def _admit(self) -> Response:
        """Set the cookie, and redirect to a URL without the token."""
        response = Response(status=303, headers={"Location": "/"})
        response.set_cookie(COOKIE, self._cookie.decode(), max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")
        return response

    def _ask_token(self, *, wrong: bool) -> Response:
        return Response(self._render_form(wrong), 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/html")


def _ask_password() -> Response:
    response = _text(401, "The page's token is required: as ?token=…, or as the password of any user.")
    response.headers["WWW-Authenticate"] = 'Basic realm="edge-emotion", charset="UTF-8"'
    return response


def _is_cross_site(request: Request) -> bool:
    """Return whether another site makes the request, even only to frame the page; following a link is allowed."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        return False
    follows_link = (
        request.headers.get("Sec-Fetch-Mode") == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"
    )
    return not (follows_link and request.method == "GET")


def _is_ip_address(host: str) -> bool:
    """Return whether a host is an IP address, which no name server can point elsewhere."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _equal(given: bytes, expected: bytes) -> bool:
    """Compare in constant time, so that the time taken does not reveal how much of a guess is right."""
    return hmac.compare_digest(given, expected)


def _text(status: int, text: str) -> Response:
    return Response(text + "\n", status, mimetype="text/plain")
