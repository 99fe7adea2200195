"""No reading is lost while the broker is away, not even when the process dies meanwhile."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from mosquitto import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

from edge.sinks.mqtt import link

OUTAGE_S = float(os.environ.get("EDGE_EMOTION_OUTAGE_S", "1"))
"""How long the broker is away, s."""

REPOSITORY = Path(__file__).parents[4]
DEVICE = Path(__file__).with_name("device.py")


@pytest.fixture
def start_device(tmp_path, undo, lasting_broker):
    """Start a process that says something new a hundred times a second."""
    config = tmp_path / "edge.toml"
    config.write_text(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {lasting_broker.port}\ndevice_id = "pi"\nqueue = "{tmp_path}/queue"\n'
    )

    def start():
        process = subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, DEVICE, config], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
        )
        undo.enter_context(process)
        undo.callback(process.kill)
        return process

    return start


def said_by(process):
    """Kill it, and return its run and how many lines it had said."""
    process.kill()
    run, number = process.communicate()[0].decode().rpartition("\n")[0].rpartition("\n")[2].split()
    return run, int(number)


def test_an_outage_of_the_broker(lasting_broker, listen, new_settings, open_sink, seen, monkeypatch):
    """What is said before, meanwhile and after arrives in order; the fault is told meanwhile."""
    monkeypatch.setattr(link, "FIRST_WAIT_S", 0.05)
    listener = listen(lasting_broker, clean_session=False)
    sink = open_sink(new_settings(lasting_broker))
    names = ("happy", "sad")
    for index in range(20):
        sink.write(seen(index, names[index % 2]))
    wait_for(lambda: len(listener.readings()) == 20)
    lasting_broker.stop()
    wait_for(lambda: sink.error)
    for index in range(20, 220):
        sink.write(seen(index, names[index % 2]))
    assert ", 200 readings wait" in sink.note
    link.threading.Event().wait(OUTAGE_S)
    lasting_broker.start()
    for index in range(220, 240):
        sink.write(seen(index, names[index % 2]))
    wait_for(lambda: len({line["id"] for line in listener.readings()}) == 240, limit_s=30 + OUTAGE_S)
    assert in_order(listener.readings()) == list(range(1, 241))
    assert sink.error == ""


def test_the_process_is_killed_during_the_outage(lasting_broker, listen, start_device):
    """Each line that was written before the kill arrives after the next start, and before the lines of the next run."""
    listener = listen(lasting_broker, clean_session=False)
    first = start_device()
    wait_for(listener.readings)
    lasting_broker.stop()
    link.threading.Event().wait(OUTAGE_S)
    run, most = said_by(first)
    lasting_broker.start()
    second = start_device()
    wait_for(lambda: len([line for line in listener.readings() if line["run"] != run]) > 100, limit_s=30 + OUTAGE_S)
    lines = listener.readings()
    assert said_by(second)[0] == lines[-1]["run"]
    assert in_order([line for line in lines if line["run"] == run])[:most] == list(range(1, most + 1))
    numbers = in_order([line for line in lines if line["run"] != run])
    assert numbers == list(range(1, len(numbers) + 1))
    assert [line["run"] != run for line in lines] == sorted(line["run"] != run for line in lines)


def test_killed_while_connected(lasting_broker, listen, start_device):
    """The Last Will is told. What the broker had may come once more after the next start; by its id it is known."""
    listener = listen(lasting_broker, clean_session=False)
    first = start_device()
    wait_for(lambda: len(listener.readings()) > 120)
    run, most = said_by(first)
    wait_for(lambda: listener.on("/availability")[-1] == "offline")
    start_device()
    wait_for(lambda: len({line["run"] for line in listener.readings()}) == 2)
    lines = [line for line in listener.readings() if line["run"] == run]
    assert len({line["id"] for line in lines}) >= most
    assert in_order(lines)[:most] == list(range(1, most + 1))


def in_order(lines):
    """The numbers of a run's lines, without those that come once more: a reader need only keep the highest."""
    numbers, highest = [], 0
    for line in lines:
        if line["number"] > highest:
            highest = line["number"]
            numbers.append(highest)
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    return numbers
