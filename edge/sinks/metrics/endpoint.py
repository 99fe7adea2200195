"""Serves the figures where Prometheus asks for them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from edge.errors import SinkError
from edge.manifest import Manifest
from edge.meters import Meters
from edge.sink_settings import MetricsSettings
from edge.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/metrics"

THREADS = 2
"""How many are answered at a time: two Prometheus servers are a pair, more are an accident."""


class MetricsEndpoint:
    """The figures, as long as it is open. It is given nothing: it asks when it is asked.

    settings: where it listens. status, meters, model, labels: see `RunCollector`.

    Raises:
        SinkError: a package is missing, or the port cannot be had.
    """

    def __init__(
        self,
        settings: MetricsSettings,
        *,
        status: Callable[[], Status],
        meters: Meters,
        model: Manifest,
        labels: Sequence[str],
    ) -> None:
        try:
            import prometheus_client as prometheus  # noqa: PLC0415  # it may be missing, which is told here

            from edge.sinks.metrics.collect import RunCollector  # noqa: PLC0415  # likewise
            from edge.sinks.web_server import Server, listen  # noqa: PLC0415  # likewise waitress
        except ModuleNotFoundError as error:
            raise SinkError(
                f"expected the package {error.name}, found none: pip install '.[metrics]' in the project's folder"
            ) from error
        registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)
        registry.register(RunCollector(status, meters, model, labels))
        listener = listen(settings.address, settings.port, section="metrics")
        self._server = Server(_at_path(prometheus.make_wsgi_app(registry)), listener, threads=THREADS, name="metrics")
        host = f"[{settings.address}]" if ":" in settings.address else settings.address
        self.note = f"http://{host}:{self._server.port}{PATH}"

    @property
    def error(self) -> str:
        """Why it does not serve, else empty."""
        return "" if self._server.is_alive else "the server has ended: it is opened anew after a restart"

    def write(self, _nothing: None) -> None:
        """Never called."""

    def close(self) -> None:
        """End the server, and give the port back."""
        self._server.close()


def _at_path(figures: "WSGIApplication") -> "WSGIApplication":
    """`figures` at their path, and a word at any other."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return figures(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"the figures are at {PATH}\n".encode()]

    return answer
