"""Ctrl-C is not lost, whoever swallows it first."""

import contextlib
import signal

import pytest

from edge.errors import ModelError
from train.command import run_command
from train.fit import fit
from train.interrupt import check_interrupt, kept_interrupts
from train.state import LAST


def swallow(number):
    """Get a signal as a library does that lets no exception out."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_swallowed_signal_is_raised_again_when_asked_for(number):
    """And only then; afterwards the signals do what they did before."""
    before = signal.getsignal(number)
    with kept_interrupts():
        check_interrupt()
        swallow(number)
        with pytest.raises(KeyboardInterrupt):
            check_interrupt()
    assert signal.getsignal(number) is before
    check_interrupt()


def test_the_next_command_begins_afresh(capsys):
    """What was kept of one command does not stop the next."""

    def body():
        swallow(signal.SIGINT)
        check_interrupt()

    assert run_command("first", body, stopped="stopped", debug=False) == 130
    assert capsys.readouterr().err == "first: stopped\n"
    assert run_command("second", check_interrupt, stopped="stopped", debug=False) == 0


def test_an_interrupt_that_became_another_error_is_still_one(capsys):
    """As C++ code makes of it; a real error of later is told as such."""

    def body():
        swallow(signal.SIGINT)
        raise ModelError("a net of operations")

    def failing():
        raise ModelError("a net of operations")

    assert run_command("first", body, stopped="stopped", debug=False) == 130
    assert run_command("second", failing, stopped="stopped", debug=False) == 4
    assert capsys.readouterr().err == "first: stopped\nsecond: a net of operations\n"


@pytest.mark.usefixtures("tiny_build")
def test_training_stops_though_the_signal_was_swallowed(face_data, new_state, tmp_path):
    """At the next batch: no epoch is finished after it."""
    with kept_interrupts():
        swallow(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            fit(face_data, tmp_path, new_state())
    assert not (tmp_path / LAST).exists()
