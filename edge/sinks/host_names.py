"""Tells this machine's host names from foreign ones, which protects the HTTP servers from DNS rebinding."""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit


class HostNames:
    """The names by which clients may call an HTTP server of this machine.

    A site can point its own name at this machine and then read the responses like its own (DNS rebinding). It cannot
    do so with an IP address, since no name server resolves one.

    Args:
        additional: names in addition to this machine's own ones.
    """

    def __init__(self, additional: Iterable[str] = ()) -> None:
        name = socket.gethostname().lower()
        self._names = {"localhost", name, f"{name}.local", *(host.lower() for host in additional)}

    def admit(self, header: str) -> bool:
        """Return whether the Host header of a request is an IP address or one of the names."""
        try:
            host = (urlsplit(f"//{header}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return host in self._names or _is_ip_address(host)


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
