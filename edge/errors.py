"""The tree of errors that a user can meet, each with the exit code that the process ends with.

    EdgeError
    ├── ConfigError   (ValueError)    2  a setting, a command-line option
    │   └── LabelError                   an emotion name or a set of them
    ├── SourceError   (OSError)       3  a camera, a video, pictures
    │   ├── CameraError                  busy, not permitted, gone, silent
    │   │   └── CameraAbsentError        there is none
    │   └── MediaError                   a file or folder that cannot be read
    ├── LogError      (OSError)       3  a log that cannot be read
    ├── SinkError     (OSError)       3  a log that cannot be written
    │   └── OutputClosedError         0  the reader of standard output has ended, as in `| head`
    ├── ServiceError  (OSError)       3  the service does not answer
    ├── ModelError    (ValueError)    4  a model or its manifest
    └── StuckError    (RuntimeError)  5  a thread that did not end when told to

Every message says what was expected, what was found and what to do, in one line.
Exit code 1 is left to errors that nobody foresaw, 0 to success (a stop by `q`, Ctrl-C or SIGTERM included).
"""


class EdgeError(Exception):
    """Base of every error with a message meant for the user."""

    exit_code = 1


class ConfigError(EdgeError, ValueError):
    """A setting or an option that cannot be used."""

    exit_code = 2


class LabelError(ConfigError):
    """An emotion name, or a set of them, that is not one of ours."""


class SourceError(EdgeError, OSError):
    """Frames cannot be had."""

    exit_code = 3


class CameraError(SourceError):
    """A camera that is absent, busy, not permitted, gone or silent."""


class CameraAbsentError(CameraError):
    """No camera was found, so that no driver was troubled either."""


class MediaError(SourceError):
    """A video or picture, or a folder of pictures, that cannot be read."""


class LogError(EdgeError, OSError):
    """A log that cannot be read, or is none."""

    exit_code = 3


class SinkError(EdgeError, OSError):
    """Readings cannot be written where they should go."""

    exit_code = 3


class OutputClosedError(SinkError):
    """Whoever read our standard output has ended; so do we, in good order."""

    exit_code = 0


class ServiceError(EdgeError, OSError):
    """The service does not run, or does not answer."""

    exit_code = 3


class ModelError(EdgeError, ValueError):
    """A model or manifest that cannot be trusted, or that do not belong together."""

    exit_code = 4


class StuckError(EdgeError, RuntimeError):
    """A thread that did not end in time."""

    exit_code = 5
