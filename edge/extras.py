"""Opens the sinks that a user asks for beside the log: each behind a guard, each loaded only where it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.manifest import Manifest
from edge.meters import Meters
from edge.records import Observation, Shown
from edge.runtime.guard import Guard
from edge.settings import Settings
from edge.status import Status


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sink may ask beside what it is given.

    status: how the run is, at this moment; any thread may ask. meters: what the run counts.
    model: what it says of itself.
    """

    status: Callable[[], Status]
    meters: Meters
    model: Manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's, in its order."""
        return self.model.labels


@dataclass(frozen=True, slots=True)
class Extras:
    """The guarded ones. sinks: never see a pixel. viewers: are given pictures."""

    sinks: list[Guard[Observation]] = field(default_factory=list)
    viewers: list[Guard[Shown]] = field(default_factory=list)


def needs_color(settings: Settings) -> bool:
    """Whether a viewer shows the camera's picture in colour: it is neither decoded nor copied where nobody does."""
    privacy = settings.privacy
    return settings.page.enabled and privacy.picture != "boxes" and not privacy.counts_only


def open_extras(settings: Settings, surroundings: Surroundings) -> Extras:
    """What the settings ask for. Nothing is opened yet: each guard does that on its own thread."""
    return Extras()
