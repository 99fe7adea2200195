"""A program that feeds an MQTT sink without a camera, for tests that kill it."""

import sys
import threading
from itertools import count
from pathlib import Path

from samples import make_observation, make_status, opened

from edge.settings.load import read_settings

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def main(config):
    """Write a changed observation a hundred times a second, for ever; after each, print the run and how many."""
    from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # test modules import LABELS before they check for paho

    status = make_status()
    sink = opened(MqttSink(read_settings(Path(config)).mqtt, labels=LABELS, status=lambda: status))
    for index in count():
        sink.write(make_observation(LABELS[index % len(LABELS)], frame_index=index))
        print(sink._run, index + 1, flush=True)  # noqa: T201  # the test reads it
        threading.Event().wait(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
