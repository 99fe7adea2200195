"""WSGI middleware that decides who may see the page, and sets the security headers of every response."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug import Request, Response
from werkzeug.datastructures import Headers

from edge.sinks.host_names import HostNames

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
        token: returns the secret that opens the page, at present; None admits everybody who can reach the port, and ""
            nobody. Asked for each request, and for each part of a response without an end.
        hosts: host names that browsers may use, in addition to this machine's own names and every IP address.
        render_form: returns the page that asks for the token; its argument says whether the request had a wrong one.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        *,
        token: Callable[[], str | None],
        hosts: Iterable[str],
        render_form: Callable[[bool], str],
    ) -> None:
        self._application = application
        self._token = token
        self._hosts = HostNames(hosts)
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

        token = self._token()
        refusal = self._intercept(Request(environ), None if token is None else token.encode())
        if refusal is not None:
            return refusal(environ, start)
        parts = self._application(environ, start)
        return parts if token is None else _UntilRevoked(parts, lambda: self._token() == token)

    def _intercept(self, request: Request, token: bytes | None) -> Response | None:
        """Return a refusal, a redirect or the token form; None admits the request."""
        if not self._hosts.admit(request.headers.get("Host", "")):
            return _text(403, "This host name is not allowed. Add it to page.hosts if it should be.")
        if _is_cross_site(request):
            return _text(403, "Requests from other sites are not allowed.")
        if token is None or PUBLIC_PATHS.fullmatch(request.path):
            return None
        if request.path in PICTURE_PATHS:
            return None if _is_picture_authorized(request, token) else _ask_password()
        if request.path == TOKEN_FORM and request.method == "POST":
            given = request.form.get("token", "").strip()
            return _admit(token) if _equal(given.encode(), token) else self._ask_token(wrong=True)
        return None if _is_authorized(request, token) else self._ask_token(wrong=False)

    def _ask_token(self, *, wrong: bool) -> Response:
        return Response(self._render_form(wrong), 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/html")


class _UntilRevoked:
    """Passes on the parts of a response until the token changes, so that no stream outlives its permission.

    Args:
        parts: of the response.
        is_valid: tells whether the request's token is still the page's.
    """

    def __init__(self, parts: Iterable[bytes], is_valid: Callable[[], bool]) -> None:
        self._parts = parts
        self._next = iter(parts)
        self._is_valid = is_valid

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self._next)
        if not self._is_valid():
            raise StopIteration
        return part

    def close(self) -> None:
        """Free what the response holds, as WSGI demands."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


def _is_authorized(request: Request, token: bytes) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer" and _equal(given.strip().encode(), token):
        return True
    return _equal(request.cookies.get(COOKIE, "").encode(), _cookie_of(token))


def _is_picture_authorized(request: Request, token: bytes) -> bool:
    """Return whether the token is in the URL, is the password of any user, or is given as for other paths."""
    given = request.args.get("token")
    if given is not None:
        return _equal(given.encode(), token)
    try:
        login = request.authorization
    except ValueError:  # werkzeug passes on what base64 says of letters that are not ASCII
        return False
    if login is not None and login.type == "basic":
        return _equal((login.password or "").encode(), token)
    return _is_authorized(request, token)


def _cookie_of(token: bytes) -> bytes:
    """Return the cookie's value: a hash, which unlike the token opens nothing but this page."""
    return hmac.digest(token, b"edge-emotion page", hashlib.sha256).hex().encode()


def _admit(token: bytes) -> Response:
    """Set the cookie, and redirect to the page."""
    response = Response(status=303, headers={"Location": "/"})
    response.set_cookie(COOKIE, _cookie_of(token).decode(), max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")
    return response


def _ask_password() -> Response:
    response = _text(401, "The page's token is required: as ?token=…, or as the password of any user.")
    response.headers["WWW-Authenticate"] = 'Basic realm="edge-emotion", charset="UTF-8"'
    return response


def _is_cross_site(request: Request) -> bool:
    """Return whether another site makes the request, even only to frame the page; following a link is allowed."""
    origin = request.headers.get("Origin")
    if origin is not None and _host_of(origin) != request.headers.get("Host"):
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        return False
    follows_link = (
        request.headers.get("Sec-Fetch-Mode") == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"
    )
    return not (follows_link and request.method == "GET")


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin; None for one that is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _equal(given: bytes, expected: bytes) -> bool:
    """Compare in constant time, so that the time taken does not reveal how much of a guess is right.

    An empty token, which stands for none that can be used, equals nothing.
    """
    return bool(expected) and hmac.compare_digest(given, expected)


def _text(status: int, text: str) -> Response:
    return Response(text + "\n", status, mimetype="text/plain")
