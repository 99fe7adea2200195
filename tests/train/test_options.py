"""Command-line options derived from a settings struct."""

import argparse
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from train.options import add_options, given_options, option_error


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A struct with one field of each kind."""

    hidden: int = 1
    epochs: Annotated[int, Meta(ge=1, description="how many")] = 60
    rate: Annotated[float, Meta(gt=0.0, description="how fast, 1 % at a time")] = 0.1
    ema: Annotated[bool, Meta(description="average the weights")] = True
    optimizer: Annotated[Literal["sgd", "adam"], Meta(description="how")] = "sgd"
    zoom: Annotated[tuple[Annotated[float, Meta(gt=0.0)], float], Meta(description="from, to")] = (0.8, 1.2)
    teachers: Annotated[tuple[str, ...], Meta(description="checkpoints")] = ()


def parse(*arguments):
    """Parse command-line arguments."""
    parser = argparse.ArgumentParser()
    add_options(parser, Settings, title="training")
    return parser.parse_args(arguments)


def test_only_given_options_are_returned():
    """Options that are not given are absent, so that the struct's defaults apply."""
    assert given_options(parse(), Settings) == {}
    options = parse("--epochs", "3", "--no-ema", "--zoom", "0.5", "1.5", "--optimizer", "adam", "--teachers", "a", "b")
    given = given_options(options, Settings)
    assert msgspec.convert(given, Settings) == Settings(
        epochs=3, ema=False, zoom=(0.5, 1.5), optimizer="adam", teachers=("a", "b")
    )


def test_field_without_a_description_is_no_option(capsys):
    """Undescribed fields are no options; the help of the others has their description and default."""
    with pytest.raises(SystemExit):
        parse("--hidden", "2")
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    assert "how fast, 1 % at a time (default: 0.1)" in text
    assert "--ema, --no-ema" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", "0"), "--epochs: expected int >= 1, found 0: choose another value"),
        (("--zoom", "0", "1"), "--zoom: expected float > 0.0, found [0.0, 1.0]: choose another value"),
    ],
)
def test_value_outside_its_limits_is_reported_with_the_option(arguments, message):
    """The error about an invalid value gives the option, the limit and the value."""
    options = parse(*arguments)
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(given_options(options, Settings), Settings)
    assert str(option_error(error.value, options, names={})) == message
