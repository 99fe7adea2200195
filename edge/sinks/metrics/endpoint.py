"""The metrics sink: an HTTP endpoint that Prometheus scrapes."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from edge.counters import Counters
from edge.device.packages import install_command
from edge.errors import SinkError
from edge.model.manifest import Manifest
from edge.settings.sinks import MetricsSettings
from edge.sinks.base import Sink
from edge.sinks.host_names import HostNames
from edge.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/metrics"

THREADS = 2
"""Requests handled at a time: a redundant pair of Prometheus servers needs two."""


class MetricsEndpoint(Sink[None]):
    """Serves the run's metrics until `close`. It receives no items: each scrape reads the current values.

    Args:
        settings: the `[metrics]` section.
        status: returns the run's current status; any thread may call it.
        counters: counters of the run.
        model: manifest of the model.
        labels: emotions that the run predicts, in order.
        counts_only: whether nothing may tell when within a minute a face was there.

    Attributes:
        note: URL of the metrics.
    """

    note = ""

    def __init__(
        self,
        settings: MetricsSettings,
        *,
        status: Callable[[], Status],
        counters: Counters,
        model: Manifest,
        labels: Sequence[str],
        counts_only: bool = False,
    ) -> None:
        self._settings = settings
        self._status = status
        self._counters = counters
        self._model = model
        self._labels = labels
        self._counts_only = counts_only

    def open(self) -> None:
        """Start the server.

        Raises:
            SinkError: a package is missing, or the port cannot be used.
        """
        try:
            import prometheus_client as prometheus  # noqa: PLC0415  # may be missing

            # imports prometheus_client
            from edge.sinks.metrics.collector import MinuteCollector, RunCollector, WorkCollector  # noqa: PLC0415
            from edge.sinks.web_server import WebServer, listen  # noqa: PLC0415  # waitress may be missing
        except ModuleNotFoundError as error:
            raise SinkError(
                f"expected the package {error.name}, found none: {install_command(error.name or 'prometheus-client')}"
            ) from error
        settings = self._settings
        registry = prometheus.CollectorRegistry()
        registry.register(RunCollector(self._status, self._counters, self._model, self._labels))
        # CPU time, frame rate and durations tell when somebody is there.
        for collector in (prometheus.ProcessCollector(registry=None), WorkCollector(self._status, self._counters)):
            registry.register(MinuteCollector(collector) if self._counts_only else collector)
        listener = listen(settings.address, settings.port, section="metrics")
        app = _only_at_path(prometheus.make_wsgi_app(registry), HostNames(settings.hosts))
        self._server = WebServer(app, listener, threads=THREADS, name="metrics")
        host = f"[{settings.address}]" if ":" in settings.address else settings.address
        self.note = f"http://{host}:{self._server.port}{PATH}"

    @property
    def error(self) -> str:
        """Why the endpoint is down, else empty."""
        return "" if self._server.is_alive else "the server has stopped: restart the service"

    def close(self) -> None:
        """Stop the server and release the port."""
        self._server.close()


def _only_at_path(metrics: "WSGIApplication", hosts: HostNames) -> "WSGIApplication":
    """Return an application that serves `metrics` at `PATH` and 404 elsewhere, and 403 under a foreign host name."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not hosts.admit(environ.get("HTTP_HOST", "")):
            start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"This host name is not allowed. Add it to metrics.hosts if it should be.\n"]
        if environ["PATH_INFO"] == PATH:
            return metrics(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"The metrics are at {PATH}.\n".encode()]

    return respond
