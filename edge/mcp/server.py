"""The MCP server: tools and a resource for assistants, over standard input and output or HTTP on loopback."""

import logging
import socket
from pathlib import Path
from typing import Annotated, Any

from edge import __version__
from edge.device.packages import install_command
from edge.errors import ConfigError, EdgeError, ServiceError
from edge.labels import EMOTIONS, UNCERTAIN
from edge.mcp.queries import CameraStatus, FacesNow, ServiceQueries, Summary

HOST = "127.0.0.1"
"""HTTP is served on loopback alone, since the protocol's requests carry no password."""

MAX_MINUTES = 31 * 24 * 60

INSTRUCTIONS = (
    "Apparent facial expressions that a camera sees, as classified by a small neural net. An expression is not a "
    "feeling, and the net is often wrong: read edge-emotion://labels before you draw conclusions. A null value is "
    "unknown, not zero. Nobody is identified, and no picture is available."
)

LABELS_TEXT = f"""Expressions: {", ".join(EMOTIONS)}; `{UNCERTAIN}` if none is likely enough.

- The label says what a face looks like to the net, not what the person feels.
- Most faces are neutral or happy. A rare label (angry, disgust, fear, sad) on a single face is often wrong; the model's
  card says how often. Do not decide anything about a person by it.
- A face that leaves and returns is a new visit: nobody is recognized.
- Two faces for a minute are 120 face-seconds.
"""


def serve(status_socket: Path, log: Path | None, *, port: int | None) -> None:
    """Serve until the client disconnects (standard input and output), or until Ctrl-C (HTTP).

    Args:
        status_socket: the service's status socket.
        log: the log; None for the one that the service writes.
        port: TCP port on loopback for streamable HTTP at `/mcp`; None serves standard input and output.

    Raises:
        ConfigError: the package `mcp` is not installed.
        ServiceError: the port is in use, or needs a privilege.
    """
    server = build_server(ServiceQueries(status_socket, log))
    if port is None:
        server.run("stdio")
        return
    _check_port(port)
    logging.getLogger(__name__).info("serving at http://%s:%d/mcp", HOST, port)
    server.run("streamable-http", host=HOST, port=port, stateless_http=True)


def build_server(queries: ServiceQueries) -> Any:  # noqa: ANN401  # the package may be absent, and its type with it
    """Return an `MCPServer` with the tools and the resource.

    Raises:
        ConfigError: the package `mcp` is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer  # noqa: PLC0415  # an extra, which may be absent
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415  # likewise
        from pydantic import Field  # noqa: PLC0415  # comes with mcp
    except ImportError as error:
        raise ConfigError(
            f"expected the package mcp, found none: {install_command('mcp', is_optional=True)}"
        ) from error
    server = MCPServer("edge-emotion", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    @server.tool()
    def faces_now() -> FacesNow:
        """Return the faces in view with their apparent expressions. `count` is null while it is unknown."""
        try:
            return queries.faces_now()
        except EdgeError as error:
            raise ToolError(str(error)) from error

    @server.tool()
    def summary(
        minutes: Annotated[float, Field(gt=0, le=MAX_MINUTES, description="length of the period that ends now")] = 60,
    ) -> Summary:
        """Summarize how long each expression was seen in the last minutes, and how many visits began."""
        try:
            return queries.summary(minutes)
        except EdgeError as error:
            raise ToolError(str(error)) from error

    @server.tool()
    def camera_status() -> CameraStatus:
        """Return whether the camera and the service work, and what is wrong if they do not."""
        return queries.camera_status()

    @server.resource("edge-emotion://labels", mime_type="text/plain")
    def labels() -> str:
        """The expressions and what can be concluded from them."""
        return LABELS_TEXT

    return server


def _check_port(port: int) -> None:
    """Fail before the server starts, whose own failure would be a traceback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServiceError(
                f"--http {port}: expected a free port on {HOST}, found: {error.strerror}: choose another"
            ) from error
