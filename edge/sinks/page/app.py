"""The page's Flask application: what each URL returns."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, render_template, request

from edge import __version__
from edge.labels import UNCERTAIN
from edge.model.manifest import Manifest
from edge.sinks.colors import COLORS, hex_color, text_color
from edge.sinks.page.access import AccessControl
from edge.sinks.page.encode import PictureMode, can_show
from edge.sinks.page.events import EventFeed, FaceInfo, describe_faces
from edge.sinks.page.frames import EncodedFrame, FrameFeed, TooManyViewersError
from edge.sinks.page.stream import STREAM_TYPE, PictureSource, draw_notice
from edge.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_NAME_LENGTH = 40
"""Longest name of a viewer, characters."""

STREAM, SNAPSHOT = "/stream.mjpeg", "/snapshot.jpg"

STREAMS = frozenset({STREAM})
"""Paths whose responses have no end."""

_RETRY_SOON = {"Retry-After": "5"}


class FrameInfo(msgspec.Struct):
    """The content of the `X-Shot` header, which describes a frame.

    Attributes:
        number: number of the frame.
        width: width of the frame, px; the JPEG may be smaller.
        height: height of the frame, px.
        faces: faces in the frame.
    """

    number: int
    width: int
    height: int
    faces: list[FaceInfo]


@dataclass(frozen=True, slots=True)
class PageViews:
    """View functions of the page, one per URL.

    Attributes:
        frames: encoded frames for the viewers.
        events: event streams.
        status: returns the run's current status.
        labels: emotions that the run predicts, in order.
        max_viewers: viewers that may watch at a time.
        mode: how much of the picture the page shows; `frames` encodes accordingly.
        model: manifest of the model in use.
        version: version of the page, as `page_version` returns it.
    """

    frames: FrameFeed
    events: EventFeed
    status: Callable[[], Status]
    labels: tuple[str, ...]
    max_viewers: int
    mode: PictureMode
    model: Manifest
    version: str = ""

    @property
    def emotions(self) -> tuple[str, ...]:
        """Every emotion that a face may have on the page."""
        return (*self.labels, UNCERTAIN)

    def index(self) -> Response:
        """Return the page itself."""
        html = render_template(
            "page.html", emotions=self.emotions, picture=self.mode, watchers=self.max_viewers, version=self.version
        )
        return Response(html, mimetype="text/html")

    def describe_model(self) -> Response:
        """Return a page that says how often each label is right."""
        right = self.model.right_percent(self.labels)
        html = render_template(
            "model.html",
            name=self.model.name,
            labels=self.labels,
            right=right,
            measured=self.model.everyday,
            percent="{:.0%}".format,
        )
        return Response(html, mimetype="text/html")

    def colors(self) -> Response:
        """Return a style sheet with the emotions' colours, which all sinks share."""
        inks = {name: bytes(text_color(COLORS[name])).hex() for name in self.emotions}
        rules = [f".{name} {{ --hue: {hex_color(name)}; --ink: #{inks[name]}; }}" for name in self.emotions]
        return Response("\n".join(rules), mimetype="text/css")

    def frame(self) -> Response:
        """Return the next frame for `watcher`, who has number `after`; 204 if none arrives within a second."""
        viewer, after = request.args.get("watcher", ""), request.args.get("after", 0, type=int)
        if not (viewer.isalnum() and len(viewer) <= MAX_NAME_LENGTH):
            return _text(400, f"expected a watcher's name of up to {MAX_NAME_LENGTH} letters and digits")
        try:
            frame = self.frames.next(viewer, after)
        except TooManyViewersError:
            return self._refuse_viewer()
        return Response(status=204) if frame is None else _image(frame)

    def stream(self) -> Response:
        """Return an endless stream of JPEG pictures, with boxes unless `boxes=0`."""
        annotated = _wants_boxes()
        if not can_show(self.mode, annotated=annotated):
            return self._refuse_picture()
        try:
            is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
            source = PictureSource(self.frames, self.status)
            parts, free_place = source.stream(annotated=annotated, is_gone=is_gone)
        except TooManyViewersError:
            return self._refuse_viewer()
        response = Response(parts, content_type=STREAM_TYPE)
        response.call_on_close(free_place)
        return response

    def snapshot(self) -> Response:
        """Return one JPEG picture, with boxes unless `boxes=0`.

        If the camera delivers none: 503, or with `notice=1` a picture that shows the run's state, for programs that
        keep their last picture after any error.
        """
        annotated = _wants_boxes()
        if not can_show(self.mode, annotated=annotated):
            return self._refuse_picture()
        try:
            image = PictureSource(self.frames, self.status).snapshot(annotated=annotated)
        except TooManyViewersError:
            return self._refuse_viewer()
        if image is None and (state := self.status().state) != "running" and request.args.get("notice") == "1":
            image = draw_notice(state)
        if image is None:
            return _text(503, f"The camera delivers no picture: {self.status().state}.", _RETRY_SOON)
        return Response(image, mimetype="image/jpeg")

    def _refuse_viewer(self) -> Response:
        text = f"All {self.max_viewers} viewer places are in use. The video starts when one becomes free."
        return _text(503, text, _RETRY_SOON)

    def _refuse_picture(self) -> Response:
        allowed = "boxes without a picture" if self.mode == "boxes" else "counts"
        return _text(403, f"The privacy settings allow {allowed} only.")

    def stream_events(self) -> Response:
        """Return the server-sent events."""
        if not self.events.reserve_slot():
            return _text(503, "Too many event streams are open.", _RETRY_SOON)
        response = Response(self.events.stream(), mimetype="text/event-stream")
        response.call_on_close(self.events.release_slot)
        return response

    def show_status(self) -> Response:
        """Return the same JSON as `edge-emotion status --json`."""
        return Response(msgspec.json.encode(self.status()), mimetype="application/json")

    def health(self) -> Response:
        """Return 200 while frames are processed, else 503."""
        status = self.status()
        return _text(200 if status.processes_frames else 503, status.state)


def create_app(
    views: PageViews, *, token: Callable[[], str | None] = lambda: None, hosts: tuple[str, ...] = ()
) -> "WSGIApplication":
    """Return the application behind its access control; `token` and `hosts` are those of `AccessControl`."""
    app = Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # the server reports them, and limits how often
    urls: dict[str, Callable[[], Response]] = {
        "/": views.index,
        "/model": views.describe_model,
        "/colors.css": views.colors,
        "/frame": views.frame,
        STREAM: views.stream,
        SNAPSHOT: views.snapshot,
        "/events": views.stream_events,
        "/status": views.show_status,
        "/healthz": views.health,
    }
    for path, view in urls.items():
        app.add_url_rule(path, path, view)

    def render_form(wrong: bool) -> str:
        with app.app_context():
            return render_template("token.html", wrong=wrong)

    return AccessControl(app, token=token, hosts=hosts, render_form=render_form)


def page_version(*settings: object) -> str:
    """Return a text that changes with the program, the files of the page, and the settings that it shows."""
    version = hashlib.sha256(repr((__version__, settings)).encode())
    for folder in ("templates", "static"):
        for path in sorted((Path(__file__).parent / folder).iterdir()):
            version.update(path.read_bytes())
    return version.hexdigest()[:16]


def _wants_boxes() -> bool:
    return request.args.get("boxes", "1") != "0"


def _image(frame: EncodedFrame) -> Response:
    """Return a frame with its faces in a header, so that no box is ever drawn on another frame."""
    height, width = frame.source.frame.gray.shape
    info = FrameInfo(frame.number, width, height, describe_faces(frame.source.observation.readings))
    headers = {"X-Shot": msgspec.json.encode(info).decode()}
    return Response(frame.image or b"", headers=headers, mimetype="image/jpeg" if frame.image else "text/plain")


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text + "\n", status, headers, mimetype="text/plain")
