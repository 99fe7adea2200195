"""Tells at which address the live page can be opened."""

import ipaddress
import socket

from edge.settings.sinks import PageSettings


def is_loopback(address: str) -> bool:
    """Return whether only this machine can connect to `address`."""
    return ipaddress.ip_address(address).is_loopback


def page_url(settings: PageSettings) -> str:
    """Return the URL that the settings give the page; empty if it is off, or its port is only known once it runs."""
    return url_at(settings.address, settings.port) if settings.enabled and settings.port else ""


def url_at(address: str, port: int) -> str:
    """Return the URL of a server on this machine, with a host by which other machines reach it where they can.

    Args:
        address: address at which it listens.
        port: its TCP port.
    """
    return f"http://{_reachable_host(address)}:{port}"


def _reachable_host(address: str) -> str:
    """Return the host part of the URL; for "all addresses", the one by which other machines reach this one."""
    if address in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only selects a route
                return str(probe.getsockname()[0])
            except OSError:
                return f"{socket.gethostname()}.local"
    return f"[{address}]" if ":" in address else address
