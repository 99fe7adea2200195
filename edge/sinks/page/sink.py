"""The live page sink: serves frames, readings and status to browsers."""

import logging
from collections.abc import Callable
from functools import partial

from edge.device.packages import install_command
from edge.errors import SinkError
from edge.model.manifest import Manifest
from edge.records import FrameWithReadings
from edge.settings.sinks import PageSettings
from edge.sinks.base import Sink
from edge.sinks.page.address import url_at
from edge.sinks.page.encode import PictureMode, jpeg_encoder
from edge.sinks.page.events import EventFeed
from edge.sinks.page.frames import FrameFeed
from edge.sinks.page.timeline import Timeline
from edge.sinks.page.token import CurrentToken
from edge.status import Status

log = logging.getLogger(__name__)

STREAMS_PER_VIEWER = 2
"""Event streams for each viewer place: a browser that finds no place for the video still receives the status."""

SPARE_THREADS = 4
"""Server threads for requests that are answered at once."""

UNWATCHED_PATIENCE_S = 0.5
"""Patience while nobody watches and only the time line needs frames, s."""


class LivePage(Sink[FrameWithReadings]):
    """Serves the page until `close`.

    Each viewer holds a server thread while it waits for a frame or is sent a stream, and each event stream holds one
    while it is open. So the server has a thread for each of them, and `SPARE_THREADS` for all other requests.

    Args:
        settings: the `[page]` section.
        picture: how much of the picture to show.
        status: returns the run's current status; any thread may call it.
        labels: emotions that the run predicts, in order.
        model: manifest of the model in use.
    """

    def __init__(
        self,
        settings: PageSettings,
        *,
        picture: PictureMode,
        status: Callable[[], Status],
        labels: tuple[str, ...],
        model: Manifest,
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._status = status
        self._labels = labels
        self._model = model

    def open(self) -> None:
        """Start the server.

        Raises:
            SinkError: Flask or waitress is missing, or the token or the port cannot be used.
        """
        try:
            from edge.sinks.page.app import STREAMS, PageViews, create_app, page_version  # noqa: PLC0415  # needs Flask
            from edge.sinks.web_server import WebServer, listen  # noqa: PLC0415  # waitress may be missing
        except ModuleNotFoundError as error:
            raise SinkError(
                f"expected the package {error.name}, found none: {install_command(error.name or 'flask')}"
            ) from error
        settings = self._settings
        token = CurrentToken(settings)
        new_encoder = partial(jpeg_encoder, self._picture, width=settings.width, quality=settings.quality)
        streams = STREAMS_PER_VIEWER * settings.watchers
        self._frames = FrameFeed(
            new_encoder(),
            encode_annotated=new_encoder(annotated=True),
            fps=settings.fps,
            max_viewers=settings.watchers,
        )
        version = page_version(self._labels, self._picture, settings.watchers, self._model.name)
        self._events = EventFeed(
            self._status, lambda: self._frames.viewers, Timeline(), max_streams=streams, page=version
        )
        views = PageViews(
            self._frames,
            self._events,
            self._status,
            self._labels,
            settings.watchers,
            self._picture,
            self._model,
            version,
        )
        app = create_app(views, token=token, hosts=settings.hosts)
        listener = listen(settings.address, settings.port, section="page")
        threads = settings.watchers + streams + SPARE_THREADS
        self._server = WebServer(app, listener, threads=threads, name="page", streams=STREAMS)
        self.address = url_at(settings.address, self._server.port)
        log.info("the live page is at %s", self.address)

    @property
    def note(self) -> str:
        """URL of the page, and how many viewers watch."""
        viewers = self._frames.viewers
        return f"{self.address}, {viewers} watching" if viewers else self.address

    @property
    def patience_s(self) -> float:
        """How long a frame may wait for a newer one to replace it, s."""
        idle_s = self._frames.idle_s
        return UNWATCHED_PATIENCE_S if idle_s is None else idle_s

    def write(self, frame: FrameWithReadings) -> None:
        """Take a frame with its readings.

        Raises:
            SinkError: the server has stopped.
        """
        if not self._server.is_alive:
            raise SinkError("expected the page's server to be running, found it stopped: see the log for the reason")
        self._events.put(frame.observation)
        self._frames.put(frame)

    def close(self) -> None:
        """Answer all waiting requests, stop the server, and release the port."""
        self._frames.close()
        self._events.close()
        self._server.close()
