"""Notices that a file has changed of which systemd gave the service a copy when it started."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge.device.secret_files import credentials_folder, facts_of
from edge.settings import INSTALLED_CONFIG
from edge.settings.instance import Instance

POLL_S = 1.0
"""A file counts as changed once it stayed the same for this long after a change, s: it may still be being written."""


def credential_files(instance: Instance) -> dict[str, Path]:
    """Return the files that the unit loads as credentials, by the credentials' names."""
    names = ("web-token", "mqtt-password", "mqtt-key")
    files = {name: INSTALLED_CONFIG.with_name(name) for name in names}
    return files | {"camera-credentials": instance.camera_credentials}


class CredentialWatch:
    """Compares the originals of the service's credentials with what they were when the service started.

    The service may not read the originals, which belong to root, and systemd renews the copies only at a start.

    Args:
        files: the originals, by the credentials' names.
        environment: the process's environment; without credentials in it nothing is watched.
    """

    def __init__(self, files: Mapping[str, Path], environment: Mapping[str, str] = os.environ) -> None:
        folder = credentials_folder(environment)
        loaded = [] if folder is None else [path for name, path in files.items() if (folder / name).exists()]
        self._started = {path: facts_of(path) for path in loaded}

    @property
    def changed(self) -> Path | None:
        """A file that is no longer what the service has a copy of; None if all are."""
        return next((path for path, facts in self._started.items() if facts_of(path) != facts), None)

    @contextmanager
    def watching(self, on_change: Callable[[], object], *, poll_s: float = POLL_S) -> Iterator[None]:
        """Call `on_change` on a thread of its own after each change, while the `with` block runs."""
        if not self._started:
            yield
            return
        stop = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(on_change, poll_s, stop), name="credentials", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join(poll_s)  # `on_change` may take longer than a stop may wait

    def _watch(self, on_change: Callable[[], object], poll_s: float, stop: threading.Event) -> None:
        handled = before = self._started
        while not stop.wait(poll_s):
            found = {path: facts_of(path) for path in self._started}
            if found == before and found != handled:
                handled = found
                on_change()
            before = found
