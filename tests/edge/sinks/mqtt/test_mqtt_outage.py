"""No reading is lost while the broker is away, even if the process dies meanwhile."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.sinks.mqtt import publisher

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
DEVICE = Path(__file__).with_name("device.py")


class DeviceProcess:
    """A process that writes a changed observation a hundred times a second (see device.py)."""

    def __init__(self, config):
        self._last_line = ""
        path = os.pathsep.join(map(str, (TESTS.parents[1], TESTS)))
        self._process = subprocess.Popen(  # noqa: S603  # a fixed program with the test's own arguments
            [sys.executable, DEVICE, config], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
        )

    def wait_for_writes(self, count):
        for _ in range(count):
            self._last_line = self._process.stdout.readline()
            assert self._last_line, "the device has ended"

    def kill(self):
        """Kill it; return its run, and how many observations it is known to have written."""
        self._process.kill()
        *_, last = [self._last_line, *(line for line in self._process.stdout if line.endswith("\n"))]
        run, number = last.split()
        return run, int(number)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def start_device(tmp_path, undo, lasting_broker):
    """Return a function that starts a device's process."""
    config = tmp_path / "edge.toml"
    config.write_text(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {lasting_broker.port}\ndevice_id = "pi"\nqueue = "{tmp_path}/queue"\n'
    )

    def start():
        device = DeviceProcess(config)
        undo.callback(device.close)
        return device

    return start


def test_readings_written_during_an_outage_arrive_in_order(
    lasting_broker, listen, new_settings, open_sink, monkeypatch
):
    """Readings from before, during and after an outage arrive in order; while it lasts, the sink has an error."""
    monkeypatch.setattr(publisher, "FIRST_WAIT_S", 0.05)
    listener = listen(lasting_broker, clean_session=False)
    sink = open_sink(new_settings(lasting_broker))

    def write(numbers):
        for index in numbers:
            sink.write(make_observation(("happy", "sad")[index % 2], frame_index=index))

    write(range(20))
    wait_for(lambda: len(listener.readings()) == 20 and not sink.stored)
    lasting_broker.stop()
    wait_for(lambda: sink.error)
    write(range(20, 220))
    assert ", 200 readings wait" in sink.note
    lasting_broker.start()
    write(range(220, 240))
    wait_for(lambda: len({line["id"] for line in listener.readings()}) == 240)
    assert numbers_in_order(listener.readings()) == list(range(1, 241))
    wait_for(lambda: not sink.error)


def test_readings_survive_a_kill_during_an_outage(lasting_broker, listen, start_device):
    """Each line written before the kill arrives after the next start: as backlog, in order, and none twice as fresh."""
    listener = listen(lasting_broker, clean_session=False)
    first = start_device()
    wait_for(listener.readings)
    lasting_broker.stop()
    first.wait_for_writes(100)
    run, written = first.kill()
    lasting_broker.start()
    second = start_device()
    wait_for(lambda: len([line for line in listener.readings() if line["run"] != run]) > 100)
    lines = listener.readings()
    assert second.kill()[0] == lines[-1]["run"]
    assert numbers_in_order([line for line in lines if line["run"] == run])[:written] == list(range(1, written + 1))
    numbers = numbers_in_order([line for line in lines if line["run"] != run])
    assert numbers == list(range(1, len(numbers) + 1))
    assert {json.loads(text)["run"] for text in listener.payloads("/backlog")} == {run}


def test_readings_survive_a_kill_while_connected(lasting_broker, listen, start_device):
    """The broker publishes the Last Will, and after the next start every line has arrived at least once."""
    listener = listen(lasting_broker, clean_session=False)
    first = start_device()
    wait_for(lambda: len(listener.readings()) > 120)
    run, written = first.kill()
    wait_for(lambda: listener.payloads("/availability")[-1] == "offline")
    start_device()
    wait_for(lambda: len({line["id"] for line in listener.readings() if line["run"] == run}) >= written)
    lines = [line for line in listener.readings() if line["run"] == run]
    assert numbers_in_order(lines)[:written] == list(range(1, written + 1))


def numbers_in_order(lines):
    """Return the numbers of a run's lines without repetitions, and check that none is missing."""
    numbers, highest = [], 0
    for line in lines:
        if line["number"] > highest:
            highest = line["number"]
            numbers.append(highest)
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    return numbers
