"""The firmware is asked through its own command, seldom, and a machine without it is no error."""

import pytest

from edge import firmware
from edge.board import Board
from edge.firmware import ASK_AGAIN_S, Firmware


@pytest.fixture
def clock(monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(firmware.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def vcgencmd(tmp_path):
    """Return a function that installs a command with this body, which notes each call in `calls`."""

    def install(body):
        path = tmp_path / "usr/bin/vcgencmd"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/calls\n{body}\n")
        path.chmod(0o755)
        return Firmware(tmp_path)

    return install


ANSWERS = "case $1 in get_throttled) echo throttled=0x50005;; measure_volts) echo volt=0.8500V;; esac"


def test_it_answers_in_its_own_words(vcgencmd):
    """`throttled=0x50005`, `volt=0.8500V`."""
    asked = vcgencmd(ANSWERS)
    assert asked.throttle_flags() == 0x50005
    assert asked.core_v() == 0.85


def test_an_answer_is_kept_for_a_while(vcgencmd, clock, tmp_path):
    """The board is looked at twice a second, and each question starts a process."""
    asked = vcgencmd(ANSWERS)
    for _ in range(20):
        asked.throttle_flags()
        clock[0] += ASK_AGAIN_S / 10
    assert (tmp_path / "calls").read_text().split() == ["get_throttled"] * 2


@pytest.mark.parametrize("body", ["exit 1", "echo VCHI initialization failed", "echo throttled=", "echo volt=highV"])
def test_an_answer_that_is_none(vcgencmd, body):
    """Not permitted, or another firmware's words."""
    asked = vcgencmd(body)
    assert asked.throttle_flags() is None
    assert asked.core_v() is None


def test_a_command_that_hangs_is_ended(vcgencmd, monkeypatch):
    """The frames do not wait for it."""
    monkeypatch.setattr(firmware, "_TIMEOUT_S", 0.05)
    assert vcgencmd("exec sleep 60").throttle_flags() is None


def test_a_command_that_cannot_be_run(vcgencmd, tmp_path):
    asked = vcgencmd("")
    (tmp_path / "usr/bin/vcgencmd").write_bytes(b"\x7fELF for another machine")
    assert asked.throttle_flags() is None


def test_a_machine_without_it(tmp_path):
    assert Firmware(tmp_path).throttle_flags() is None
    assert Firmware(tmp_path).core_v() is None


def test_the_board_asks_it_where_the_kernel_does_not_tell(vcgencmd, tmp_path):
    """And what the kernel tells goes before: it costs no process."""
    vcgencmd(ANSWERS)
    assert Board(tmp_path).throttle_flags() == 0x50005
    assert Board(tmp_path).core_v() == 0.85
    told = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    told.parent.mkdir(parents=True)
    told.write_text("0\n")
    assert Board(tmp_path).throttle_flags() == 0
