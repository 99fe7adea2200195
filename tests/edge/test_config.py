"""Settings are read, checked, and faults are named so that they can be mended."""

from typing import Literal, get_origin, get_type_hints

import msgspec
import pytest

from edge.config import override, read_settings
from edge.errors import ConfigError
from edge.settings import PROFILES, DisplaySettings, Settings, SourceSettings

RANGES = [
    ("display", "width", 0, 4096),
    ("display", "height", 0, 4096),
    ("display", "i2c_port", 0, 255),
    ("display", "i2c_address", 3, 0x77),
    ("display", "spi_port", 0, 255),
    ("display", "spi_device", 0, 255),
    ("display", "data_pin", 0, 53),
    ("display", "reset_pin", 0, 53),
    ("display", "light_pin", -1, 53),
    ("display", "offset_x", 0, 255),
    ("display", "offset_y", 0, 255),
    ("display", "refresh_hz", 0.2, 30.0),
    ("display", "dim_after_s", 0.0, None),
    ("source", "width", 64, 4096),
    ("source", "height", 64, 4096),
    ("source", "fps", 0.1, 240.0),
    ("source", "stall_timeout_s", 1.0, None),
    ("detect", "scale_factor", 1.01, 2.0),
    ("detect", "min_neighbors", 0, 20),
    ("detect", "min_face_px", 20, 2048),
    ("detect", "border", 0.0, 0.5),
    ("detect", "threads", 1, 64),
    ("scan", "face_px", 20, 200),
    ("scan", "scale_factor", 1.01, 2.0),
    ("scan", "min_neighbors", 0, 20),
    ("scan", "border", 0.0, 0.5),
    ("schedule", "scan_interval_s", 0.1, None),
    ("schedule", "motion_scan_gap_s", 0.0, None),
    ("schedule", "carry_frames", 0, 30),
    ("schedule", "motion_threshold", 1, 255),
    ("schedule", "motion_share", 0.0, 1.0),
    ("schedule", "max_fps", 0.0, 1000.0),
    ("schedule", "idle_fps", 0.1, 1000.0),
    ("schedule", "idle_after_s", 0.0, None),
    ("schedule", "heat_limit_c", 30.0, 120.0),
    ("track", "min_iou", 0.0, 1.0),
    ("track", "min_hits", 1, 100),
    ("track", "max_missed_s", 0.1, None),
    ("name", "rate_hz", 0.1, None),
    ("name", "min_face_px", 8, None),
    ("smooth", "time_constant_s", 0.0, None),
    ("smooth", "min_confidence", 0.0, 1.0),
    ("smooth", "hysteresis", 0.0, 1.0),
    ("log", "summary_interval_s", 0.1, None),
    ("log", "flush_s", 0.0, 3600.0),
    ("log", "rotate_mb", 0.001, 10_000.0),
    ("log", "rotate_days", 0.001, 366.0),
    ("log", "keep_mb", 0.01, None),
    ("log", "keep_free_mb", 0.0, None),
    ("privacy", "retention_days", 0.0, None),
    ("metrics", "port", 1, 65535),
    ("mqtt", "port", 0, 65535),
    ("mqtt", "state_interval_s", 1.0, 3600.0),
    ("mqtt", "queue_limit", 10, 1_000_000),
    ("page", "port", 0, 65535),
    ("page", "watchers", 1, 16),
    ("page", "fps", 0.1, 60.0),
    ("page", "width", 64, 4096),
    ("page", "quality", 1, 100),
]
"""Section, key, and the least and greatest value that are taken; None where there is no greatest."""


def written(folder, text):
    path = folder / "edge.toml"
    path.write_text(text)
    return path


def test_defaults_for_what_is_left_out(tmp_path):
    """An empty file is all defaults; one key changes one setting."""
    assert read_settings(written(tmp_path, "")) == Settings()
    settings = read_settings(written(tmp_path, "[detect]\nmin_face_px = 60\n"))
    assert settings.detect.min_face_px == 60
    assert settings.detect.scale_factor == Settings().detect.scale_factor


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[detekt]\n", ["detekt", "unknown key", "did you mean detect?"]),
        ("[detect]\nmin_neighbours = 3\n", ["detect.min_neighbours", "did you mean min_neighbors?"]),
        ("[detect]\nscale_factor = 1.0\n", ["detect.scale_factor", ">= 1.01"]),
        ("[detect]\nmin_face_px = 'big'\n", ["detect.min_face_px", "expected `int`", "str"]),
        ("[log]\nmode = 'some'\n", ["log.mode", "some"]),
        ("[model]\ninterpreter = 'torch'\n", ["model.interpreter", "torch"]),
        ("[smooth]\nmin_confidence = 1.5\n", ["smooth.min_confidence", "<= 1.0"]),
        ("[page]\naddress = 'pi.local'\n", ["page", "'pi.local' does not appear to be an IPv4 or IPv6 address"]),
        ("detect = 3\n", ["detect", "expected `object`"]),
        ("this is no toml", ["no TOML", "line 1"]),
        ("\x00", ["no TOML"]),
    ],
)
def test_a_fault_is_named(tmp_path, text, words):
    """The one-line message has the file, the key and what would be right."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in [str(path), *words]:
        assert word in message


@pytest.mark.parametrize(("section", "key", "lowest", "highest"), RANGES)
def test_a_number_has_its_range(tmp_path, section, key, lowest, highest):
    """Its ends are taken; what lies beyond them is refused with the key's name."""
    step = 1 if isinstance(lowest, int) else 0.1
    for value in (lowest, highest):
        if value is not None:
            settings = read_settings(written(tmp_path, f"[{section}]\n{key} = {value}\n"))
            assert getattr(getattr(settings, section), key) == value
    for value in (lowest - step, None if highest is None else highest + step):
        if value is not None:
            path = written(tmp_path, f"[{section}]\n{key} = {value}\n")
            with pytest.raises(ConfigError, match=rf"{section}\.{key}: expected .*[<>]"):
                read_settings(path)


def test_every_number_is_in_the_table():
    """A new setting gets its range tested with it."""
    numbers = [
        (section, key)
        for section in Settings.__struct_fields__
        if section != "profile"
        for key, value in msgspec.structs.asdict(getattr(Settings(), section)).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if get_origin(get_type_hints(type(getattr(Settings(), section)))[key]) is not Literal
    ]
    assert sorted(numbers) == sorted((section, key) for section, key, *_ in RANGES)


@pytest.mark.parametrize("key", ["scan_interval_s", "idle_after_s", "motion_share"])
def test_not_a_number_is_no_number(tmp_path, key):
    """TOML can write `nan`, and no comparison with it holds."""
    with pytest.raises(ConfigError, match=rf"schedule\.{key}: expected"):
        read_settings(written(tmp_path, f"[schedule]\n{key} = nan\n"))


def test_bytes_that_are_no_text(tmp_path):
    """A binary file is named as no TOML."""
    path = tmp_path / "edge.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no TOML"):
        read_settings(path)


def test_a_file_that_is_not_there(tmp_path):
    """The missing file is named."""
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        read_settings(tmp_path / "nothing.toml")


def test_settings_cannot_be_changed():
    """One object serves all threads, so nobody may write to it."""
    with pytest.raises(AttributeError):
        Settings().detect.min_face_px = 100


def test_options_go_over_the_file():
    """An option replaces a setting; one that is not given leaves it."""
    assert override(SourceSettings(use="camera"), use="clip.mp4", fps=None) == SourceSettings(use="clip.mp4")


def test_options_are_checked_like_the_file():
    """An impossible option is refused with its name."""
    with pytest.raises(ConfigError, match="command line: fps"):
        override(SourceSettings(), fps=-1.0)


def test_a_profile_sets_rates_together_and_the_file_goes_over_it(tmp_path):
    """`low-power` slows scans and names; a key that is given wins."""
    plain = read_settings(written(tmp_path, 'profile = "low-power"\n'))
    assert plain.schedule.scan_interval_s > Settings().schedule.scan_interval_s
    assert plain.name.rate_hz < Settings().name.rate_hz
    changed = read_settings(written(tmp_path, 'profile = "low-power"\n[schedule]\nscan_interval_s = 9.0\n'))
    assert changed.schedule.scan_interval_s == 9.0
    assert changed.schedule.max_fps == plain.schedule.max_fps


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_can_be_read(tmp_path, profile):
    """Its own keys are valid ones."""
    assert read_settings(written(tmp_path, f'profile = "{profile}"\n')).profile == profile


@pytest.mark.parametrize(
    ("profile", "words"),
    [('"fast"', "fast"), ("3", "expected `str`, got `int`"), ("[1]", "expected `str`, got `array`")],
)
def test_an_unknown_profile_is_named(tmp_path, profile, words):
    """Another name, a number, a list."""
    with pytest.raises(ConfigError, match=f"profile: .*{words}"):
        read_settings(written(tmp_path, f"profile = {profile}\n"))


def test_a_section_that_is_none_beside_a_profile(tmp_path):
    """The profile does not hide that `schedule` is no table."""
    with pytest.raises(ConfigError, match="schedule"):
        read_settings(written(tmp_path, 'profile = "low-power"\nschedule = 3\n'))


def test_where_there_are_few_values_they_are_named(tmp_path):
    """In the file and on the command line, for a section's key and for one at the top."""
    path = tmp_path / "edge.toml"
    for text, line in (
        (
            '[display]\ndevice = "ssd1305"',
            r"display\.device: invalid enum value 'ssd1305': expected one of '', 'ssd1306'",
        ),
        (
            'profile = "fast"',
            "profile: invalid enum value 'fast': expected one of 'low-power', 'balanced', 'responsive'",
        ),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=line):
            read_settings(path)
    with pytest.raises(
        ConfigError, match="command line: device: invalid enum value 'none': expected one of '', 'ssd1306'"
    ):
        override(DisplaySettings(), device="none")
