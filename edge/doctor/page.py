"""Checks that the live page can be served where the settings say, to those alone who may see it."""

from importlib.util import find_spec

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, Status, from_error, ok, warning
from edge.doctor.service import running_service
from edge.errors import SinkError

PACKAGES = ("flask", "waitress")

_READ = 4


def _page(context: Context) -> Finding:
    """Nothing here is a failure: the run goes on without the page."""
    settings = context.settings.page
    if not settings.enabled:
        return ok("not asked for")
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        return warning(f"expected the package {missing[0]}, found none", "pip install '.[web]' in the project's folder")
    service = running_service(context)
    served = [sink for sink in service.sinks if sink.name == "page"] if service else []
    if served:
        return from_error(SinkError(served[0].error), Status.WARNING) if served[0].error else ok(served[0].note)
    return _token(context) or _port(settings.address, settings.port)


def _token(context: Context) -> Finding | None:
    """What is wrong with the token, else None."""
    from edge.sinks.page.token import find_token, read_token  # noqa: PLC0415  # needs msgspec: the settings' line tells

    settings, identity = context.settings.page, context.identity
    try:
        if not settings.token_file:
            find_token(settings)
            return None
        path = context.at_working(settings.token_file)
        if path.exists() and not identity.may(path, _READ):
            text = f"{path}: expected a token that {identity.name} may read, found one that {identity.name} may not"
            return warning(text, "sudo edge-emotion doctor, where it is the service's own")
        read_token(path)
    except SinkError as error:
        return from_error(error, Status.WARNING)
    except PermissionError:
        return warning(f"{path}: in a folder that is closed to {identity.name}", "sudo edge-emotion doctor")
    return None


def _port(address: str, port: int) -> Finding:
    from edge.sinks.web_server import listen  # noqa: PLC0415  # its package may be missing, which is told above

    try:
        listen(address, port, section="page").close()
    except SinkError as error:
        return from_error(error, Status.WARNING)
    return ok(f"port {port} of {address} is free")


CHECKS = (Check("sinks", "page", _page, SinkError.exit_code),)
