"""Opens the window and the annotated video that a user asks for on the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, SinkError
from edge.settings import Settings
from edge.sinks.annotated_video import AnnotatedVideo, codec_of
from edge.sinks.base import Viewer
from edge.sources.base import Source
from edge.sources.video import VideoSource

_PICTURE_S = 0.5
"""How long a window shows each of several pictures at least, s."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user wants to see. view: a window. annotate: a video to write."""

    view: bool = False
    annotate: Path | None = None

    def __bool__(self) -> bool:
        return self.view or self.annotate is not None

    def check(self, settings: Settings) -> None:
        """Tell what can be told before a source is opened.

        Raises:
            ConfigError: pictures may not be shown, or the video cannot have that name.
        """
        if self and settings.privacy.counts_only:
            raise ConfigError(
                "--view, --annotate: expected privacy.counts_only = false, found true: pictures may not be shown"
            )
        if self.annotate is None:
            return
        codec_of(self.annotate)
        source = Path(settings.source.use).expanduser()
        if source.exists() and self.annotate.exists() and source.samefile(self.annotate):
            raise ConfigError(f"{self.annotate}: expected another file than the source, found the source: rename it")


NOTHING = Asked()


class Showing:
    """What is shown. It has no guard: where what was asked for cannot be had, the run ends with an error.

    viewers: for the pipeline.
    """

    def __init__(self, asked: Asked, source: Source, *, ask_stop: Callable[[], None]) -> None:
        """Open what is asked for. ask_stop: is called when the window is closed.

        Raises:
            ConfigError: the source is no video that could be annotated.
            SinkError: there is no screen, or the video cannot be written.
        """
        self._video = _open_video(asked.annotate, source) if asked.annotate else None
        self.viewers: list[Viewer] = [] if self._video is None else [self._video]
        try:
            if asked.view:
                self.viewers.append(_open_window(source, ask_stop))
        except SinkError:
            self.finish()  # nothing of the video is left behind
            raise

    def finish(self) -> None:
        """Finish the video.

        Raises:
            SinkError: it is not whole.
        """
        if self._video is not None:
            self._video.finish()


def _open_video(path: Path, source: Source) -> AnnotatedVideo:
    if not isinstance(source, VideoSource):
        raise ConfigError(
            f"--annotate: expected a video as the source, found {source.name}: name one with --source, or use --view"
        )
    return AnnotatedVideo(path, fps=source.fps)


def _open_window(source: Source, ask_stop: Callable[[], None]) -> Viewer:
    from edge.sinks.window.viewer import Window  # noqa: PLC0415  # pygame is slow to import, and needed only here

    title = f"edge-emotion: {source.name} (q: quit)"
    return Window(title, on_end=ask_stop, hold_s=_PICTURE_S if source.stills else 0.0)
