"""Checks that the figures for Prometheus can be served where the settings say."""

from importlib.util import find_spec

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, Status, from_error, ok, warning
from edge.doctor.service import running_service
from edge.errors import SinkError

PACKAGES = ("prometheus_client", "waitress")


def _metrics(context: Context) -> Finding:
    """Nothing here is a failure: the run goes on without them."""
    settings = context.settings.metrics
    if not settings.enabled:
        return ok("not asked for")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        text = f"expected the package {missing[0]}, found none"
        return warning(text, "pip install '.[metrics]' in the project's folder")
    service = running_service(context)
    served = [sink for sink in service.sinks if sink.name == "metrics"] if service else []
    if served:
        return from_error(SinkError(served[0].error), Status.WARNING) if served[0].error else ok(served[0].note)
    return _port(settings.address, settings.port)


def _port(address: str, port: int) -> Finding:
    from edge.sinks.web_server import listen  # noqa: PLC0415  # its package may be missing, which is told above

    try:
        listen(address, port, section="metrics").close()
    except SinkError as error:
        return from_error(error, Status.WARNING)
    return ok(f"port {port} of {address} is free")


CHECKS = (Check("sinks", "metrics", _metrics, SinkError.exit_code),)
