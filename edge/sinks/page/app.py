"""The page's addresses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, render_template, request

from edge.labels import UNCERTAIN
from edge.sinks.colors import COLORS, hex_color, ink
from edge.sinks.page.film import Film, FullError, Still
from edge.sinks.page.gate import Gate
from edge.sinks.page.news import Face, News, describe_faces
from edge.sinks.page.picture import Shows
from edge.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LONGEST_NAME = 40
"""Of a watcher, characters."""

_BUSY = {"Retry-After": "5"}


class Shot(msgspec.Struct):
    """What goes with a picture. width, height: of the frame, px; the picture itself may be smaller."""

    number: int
    width: int
    height: int
    faces: list[Face]


@dataclass(frozen=True, slots=True)
class Site:
    """What each address answers.

    status: how the run is. labels: what is answered with, in order. watchers: how many may watch.
    shows: what of a picture, for the page's words; `film` has made it so.
    """

    film: Film
    news: News
    status: Callable[[], Status]
    labels: tuple[str, ...]
    watchers: int
    shows: Shows

    @property
    def emotions(self) -> tuple[str, ...]:
        """All that a face may be called."""
        return (*self.labels, UNCERTAIN)

    def page(self) -> Response:
        """The page itself."""
        return Response(
            render_template("page.html", emotions=self.emotions, shows=self.shows, watchers=self.watchers),
            mimetype="text/html",
        )

    def colors(self) -> Response:
        """The emotions' colours, which all that draws shares."""
        inks = {name: bytes(ink(COLORS[name])).hex() for name in self.emotions}
        rules = [f".{name} {{ --hue: {hex_color(name)}; --ink: #{inks[name]}; }}" for name in self.emotions]
        return Response("\n".join(rules), mimetype="text/css")

    def frame(self) -> Response:
        """The next picture for `watcher`, which has number `after`; 204 where there is none for a second."""
        watcher, after = request.args.get("watcher", ""), request.args.get("after", 0, type=int)
        if not (watcher.isalnum() and len(watcher) <= LONGEST_NAME):
            return _say(400, f"expected a watcher's name of up to {LONGEST_NAME} letters and digits")
        try:
            still = self.film.next(watcher, after)
        except FullError:
            return _say(503, f"All {self.watchers} places to watch are taken. The video comes when one is free.", _BUSY)
        return Response(status=204) if still is None else _show(still)

    def events(self) -> Response:
        """What is told of the run, as server-sent events."""
        if not self.news.take_place():
            return _say(503, "Too many listen already.", _BUSY)
        answer = Response(self.news.stream(), mimetype="text/event-stream")
        answer.call_on_close(self.news.leave_place)
        return answer

    def tell_status(self) -> Response:
        """Return the same as `edge-emotion status --json`."""
        return Response(msgspec.json.encode(self.status()), mimetype="application/json")

    def health(self) -> Response:
        """200 while frames are processed, else 503."""
        status = self.status()
        return _say(200 if status.is_well else 503, status.state)


def create_app(site: Site, *, token: str = "", hosts: tuple[str, ...] = ()) -> "WSGIApplication":
    """Return the application. token, hosts: see `Gate`."""
    app = Flask(__name__)
    answers: dict[str, Callable[[], Response]] = {
        "/": site.page,
        "/colors.css": site.colors,
        "/frame": site.frame,
        "/events": site.events,
        "/status": site.tell_status,
        "/healthz": site.health,
    }
    for path, answer in answers.items():
        app.add_url_rule(path, path, answer)

    def make_form(wrong: bool) -> str:
        with app.app_context():
            return render_template("token.html", wrong=wrong)

    return Gate(app, token=token, hosts=hosts, make_form=make_form)


def _show(still: Still) -> Response:
    """What is said of the faces travels with their picture, so that no box is ever drawn on another one."""
    height, width = still.shown.frame.gray.shape
    shot = Shot(still.number, width, height, describe_faces(still.shown.observation.readings))
    headers = {"X-Shot": msgspec.json.encode(shot).decode()}
    return Response(still.image, headers=headers, mimetype="image/jpeg" if still.image else "text/plain")


def _say(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(words + "\n", status, headers, mimetype="text/plain")
