"""The live page as a viewer: opens it, feeds it, closes it."""

import logging
import socket
from collections.abc import Callable

from edge.errors import SinkError
from edge.records import Shown
from edge.sink_settings import PageSettings
from edge.sinks.page.film import Film
from edge.sinks.page.news import News
from edge.sinks.page.picture import Shows, image_maker
from edge.sinks.page.timeline import Timeline
from edge.sinks.page.token import find_token
from edge.status import Status

log = logging.getLogger(__name__)

LISTENERS_A_WATCHER = 2
"""A page that is one too many to watch still tells how the run is."""

SPARE_THREADS = 4
"""For everything that is answered at once."""

UNWATCHED_S = 0.5
"""While nobody watches the time line is all that frames are for, s."""


class LivePage:
    """The page, as long as it is open.

    Each watcher holds a thread of the server while it waits for a picture, each listener as long as it listens, so
    there are as many threads as there may be of both, and some for all else.

    settings: of the page. shows: what of a picture. status: how the run is; any thread may ask.
    labels: what is answered with.

    Raises:
        SinkError: Flask or waitress is missing, the token cannot be had, or the port.
    """

    def __init__(
        self,
        settings: PageSettings,
        *,
        shows: Shows,
        status: Callable[[], Status],
        labels: tuple[str, ...],
    ) -> None:
        try:
            from edge.sinks.page.app import Site, create_app  # noqa: PLC0415  # Flask may be missing, which is told here
            from edge.sinks.web_server import Server, listen  # noqa: PLC0415  # likewise waitress
        except ModuleNotFoundError as error:
            raise SinkError(
                f"expected the package {error.name}, found none: pip install '.[web]' in the project's folder"
            ) from error
        token = find_token(settings)
        image = image_maker(shows, width=settings.width, quality=settings.quality)
        listeners = LISTENERS_A_WATCHER * settings.watchers
        self._film = Film(image, fps=settings.fps, watchers=settings.watchers)
        self._news = News(status, lambda: self._film.watchers, Timeline(), listeners=listeners)
        site = Site(self._film, self._news, status, labels, settings.watchers, shows)
        app = create_app(site, token=token, hosts=settings.hosts)
        listener = listen(settings.address, settings.port, section="page")
        self._server = Server(app, listener, threads=settings.watchers + listeners + SPARE_THREADS, name="page")
        self.address = f"http://{_reachable(settings.address)}:{self._server.port}"
        log.info("the live page is at %s", self.address)

    @property
    def error(self) -> str:
        """Nothing but the server's end, which `write` raises."""
        return ""

    @property
    def note(self) -> str:
        """The address, and how many watch."""
        watchers = self._film.watchers
        return f"{self.address}, {watchers} watching" if watchers else self.address

    @property
    def patience_s(self) -> float:
        """How long a frame may wait for a newer one, s."""
        idle_s = self._film.idle_s
        return UNWATCHED_S if idle_s is None else idle_s

    def write(self, shown: Shown) -> None:
        """Take a frame with what is said of it.

        Raises:
            SinkError: the server has ended.
        """
        if not self._server.is_alive:
            raise SinkError("expected the page's server at work, found that it has ended: the log says why")
        self._news.put(shown.observation)
        self._film.put(shown)

    def close(self) -> None:
        """Let all browsers go, and give the port back."""
        self._film.close()
        self._news.close()
        self._server.close()


def _reachable(address: str) -> str:
    """Return the address as a browser takes it; for "all addresses" the one by which others reach this machine."""
    if address in {"0.0.0.0", "::"}:  # noqa: S104  # compared with, not bound to
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            try:
                line.connect(("192.0.2.1", 9))  # nothing is sent: the kernel only chooses its way
                return str(line.getsockname()[0])
            except OSError:
                return f"{socket.gethostname()}.local"
    return f"[{address}]" if ":" in address else address
