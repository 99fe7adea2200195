"""Settings are read and validated, and each error says what to fix."""

import re
from typing import Literal, get_origin, get_type_hints

import msgspec
import pytest

from edge.errors import ConfigError
from edge.settings.load import override, read_settings
from edge.settings.schema import PROFILES, DisplaySettings, Settings, SourceSettings

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
    ("source", "max_megapixels", 0.1, 1000.0),
    ("source", "stall_timeout_s", 1.0, None),
    ("source", "open_timeout_s", 1.0, None),
    ("source", "picture_timeout_s", 0.0, None),
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
    ("schedule", "scan_cpu_share", 0.01, 1.0),
    ("smooth", "hold_s", 0.0, None),
    ("smooth", "rare_hold_s", 0.0, None),
    ("smooth", "uncertain_after_s", 0.0, None),
    ("schedule", "motion_threshold", 1, 255),
    ("schedule", "motion_share", 0.0, 1.0),
    ("schedule", "max_fps", 0.0, 1000.0),
    ("schedule", "idle_fps", 0.1, 1000.0),
    ("schedule", "idle_after_s", 0.0, None),
    ("schedule", "heat_limit_c", 30.0, 120.0),
    ("track", "min_iou", 0.0, 1.0),
    ("track", "min_hits", 1, 100),
    ("track", "max_missed_s", 0.1, None),
    ("classify", "rate_hz", 0.1, None),
    ("classify", "min_face_px", 8, None),
    ("classify", "prior_strength", 0.0, 1.0),
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
    ("hook", "min_interval_s", 0.0, 3600.0),
    ("hook", "timeout_s", 0.1, 3600.0),
    ("mqtt", "port", 0, 65535),
    ("mqtt", "state_interval_s", 1.0, 3600.0),
    ("mqtt", "queue_limit", 10, 1_000_000),
    ("page", "port", 0, 65535),
    ("page", "watchers", 1, 16),
    ("page", "fps", 0.1, 60.0),
    ("page", "width", 64, 4096),
    ("page", "quality", 1, 100),
]
"""Section, key, and the lowest and highest valid value; None if there is no highest."""


def written(folder, text):
    path = folder / "edge.toml"
    path.write_text(text)
    return path


def test_missing_keys_have_their_defaults(tmp_path):
    """An empty file gives all defaults, and a single key changes a single setting."""
    assert read_settings(written(tmp_path, "")) == Settings()
    settings = read_settings(written(tmp_path, "[detect]\nmin_face_px = 60\n"))
    assert settings.detect.min_face_px == 60
    assert settings.detect.scale_factor == Settings().detect.scale_factor


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[detekt]\n", ["detekt", "unknown key", "did you mean detect?"]),
        ("[detect]\nmin_neighbours = 3\n", ["detect.min_neighbours", "did you mean min_neighbors?"]),
        ("[Detect]\n", ["Detect: unknown key: did you mean detect?"]),
        ("[detect]\nscale_factor = 1.0\n", ["detect.scale_factor", ">= 1.01, found 1.0"]),
        ("[detect]\nmin_face_px = 'big'\n", ["detect.min_face_px", "expected `int`", "str", "found 'big'"]),
        ("[mqtt]\nport = 70000\n", ["mqtt.port: expected `int` <= 65535, found 70000"]),
        ("[log]\npath = 7\n", ["log.path: expected `str`, got `int`, found 7"]),
        ("[hook]\ncommand = ['led', 3]\n", ["hook.command[1]: expected `str`", "found 3"]),
        ("[log]\nmode = 'some'\n", ["log.mode", "some"]),
        ("[model]\ninterpreter = 'torch'\n", ["model.interpreter", "torch"]),
        ("[smooth]\nmin_confidence = 1.5\n", ["smooth.min_confidence", "<= 1.0"]),
        ("[page]\naddress = 'pi.local'\n", ["page", "'pi.local' does not appear to be an IPv4 or IPv6 address"]),
        ("[source]\nrotate = 45\n", ["source.rotate", "45", "expected one of 0, 90, 180, 270, 'auto'"]),
        ("[source]\nrotate = 'left'\n", ["source.rotate", "left", "expected one of 0, 90, 180, 270, 'auto'"]),
        ("[source]\nrotate = true\n", ["source.rotate", "expected one of 0, 90, 180, 270, 'auto'"]),
        ("[source]\nflip = 'both'\n", ["source.flip", "expected one of 'none', 'horizontal', 'vertical'"]),
        ("[source]\ncrop = [0, 0, 64]\n", ["source: crop: expected [x, y, w, h]", "found [0, 0, 64]"]),
        ("[source]\ncrop = [0, 0, 63, 64]\n", ["at least 64 px, or [] for the whole frame, found [0, 0, 63, 64]"]),
        ("[source]\ncrop = [-1, 0, 64, 64]\n", ["x and y of at least 0", "found [-1, 0, 64, 64]"]),
        ("[source]\ncrop = [0, 0, 64, 'a']\n", ["source.crop[3]", "expected `int`"]),
        (
            "[classify]\nprior = 'daily'\n",
            ["classify.prior", "'daily'", "one of 'everyday', 'balanced', a table of numbers"],
        ),
        (
            "[classify]\nprior = 3\n",
            ["classify.prior", "got `int`", "expected one of 'everyday', 'balanced', a table of numbers"],
        ),
        ("[classify.prior]\nbored = 1\n", ["classify: prior: unknown emotion 'bored': expected names out of angry"]),
        ("[classify.prior]\nsad = -1\n", ["classify: prior: expected a share of 0 or more for sad, found -1"]),
        ("[classify.prior]\nsad = nan\n", ["classify: prior: expected a share of 0 or more for sad, found nan"]),
        ("[classify.prior]\nsad = inf\n", ["classify: prior: expected a share of 0 or more for sad, found inf"]),
        ("[classify.prior]\nsad = 0\n", ["classify: prior: expected at least one share above 0, found 0 for all"]),
        ("[classify]\nprior = {}\n", ["classify: prior: expected at least one share above 0, found no shares"]),
        ("[classify.prior]\nsad = 'much'\n", ["classify.prior: expected `float`, got `str`", "a table of numbers"]),
        ("[classify]\nprior = [0.5, 0.5]\n", ["classify.prior", "got `array`", "'balanced', a table of numbers"]),
        ("[classify]\nprior = true\n", ["classify.prior", "got `bool`", "'balanced', a table of numbers"]),
        ("detect = 3\n", ["detect", "expected `object`"]),
        ("this is no toml", ["no TOML", "line 1"]),
        ("\x00", ["no TOML"]),
        ("x = " + "[" * 100_000, ["no TOML"]),
    ],
)
def test_error_names_file_and_key(tmp_path, text, words):
    """The one-line message has the file, the key and what would be valid."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in [str(path), *words]:
        assert word in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[page]\nrotat = 90\n", "page.rotat: unknown key: Valid are enabled, "),
        ("[page]\ncrop = []\n", "page.crop: unknown key: it is a key of [source]. Valid are enabled, "),
        ("[camera]\n", "camera: unknown key: Valid are profile, source, "),
        ("[schedule]\nx = 1\n", "schedule.x: unknown key: Valid are scan_interval_s, "),
    ],
)
def test_only_a_near_key_is_suggested(tmp_path, text, message):
    """A key that resembles none is answered with the section that has it, if any, and the valid ones."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_settings(written(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_of_every_editor_are_read(tmp_path, encoding, newline):
    """A byte order mark and Windows' line ends do no harm."""
    path, mark = tmp_path / "edge.toml", "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    path.write_bytes(f"{mark}[log]{newline}path = 'Übung.jsonl'{newline}".encode(encoding))
    assert read_settings(path).log.path == "Übung.jsonl"


def test_another_encoding_is_an_error(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_bytes("[log]\npath = 'Übung.jsonl'\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="no TOML: 'utf-8' codec"):
        read_settings(path)


FILE_NAMES = {
    (section, key)
    for section, value in msgspec.structs.asdict(Settings()).items()
    if isinstance(value, msgspec.Struct)
    for key in value.__struct_fields__
    if isinstance(getattr(value, key), str)
    and (key in {"use", "path", "cascade", "queue"} or key.endswith(("_file", "_model", "_cascade")))
}


@pytest.mark.parametrize(("section", "key"), sorted(FILE_NAMES))
def test_every_file_name_may_begin_in_the_home_folder(tmp_path, monkeypatch, section, key):
    """`~` is replaced in every key that names a file, from TOML, from the command line and from Python."""
    monkeypatch.setenv("HOME", "/home/me")
    settings = read_settings(written(tmp_path, f'[{section}]\n{key} = "~/x/y"\n'))
    assert getattr(getattr(settings, section), key) == "/home/me/x/y"
    assert getattr(override(getattr(Settings(), section), **{key: "~/z"}), key) == "/home/me/z"
    assert getattr(type(getattr(settings, section))(**{key: "~"}), key) == "/home/me"
    for kept in ("./~/x", "a~", "~nobody-of-that-name/x"):
        assert getattr(override(getattr(Settings(), section), **{key: kept}), key) == kept


def test_own_shares_of_the_emotions_are_read(tmp_path):
    """`prior` is a name or a table of shares, which may be whole numbers."""
    path = written(tmp_path, "[classify]\nprior = { happy = 3, neutral = 1.5 }\n")
    assert read_settings(path).classify.prior == {"happy": 3.0, "neutral": 1.5}
    assert read_settings(written(tmp_path, '[classify]\nprior = "balanced"\n')).classify.prior == "balanced"


@pytest.mark.parametrize(("section", "key", "lowest", "highest"), RANGES)
def test_number_has_its_range(tmp_path, section, key, lowest, highest):
    """The ends of a number's range are valid, and values beyond them give an error with the key."""
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
    """Every number among the settings has its range in `RANGES`, so that a new one is tested as well."""
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
def test_nan_is_refused(tmp_path, key):
    """TOML's `nan`, which satisfies no comparison, is outside every range."""
    with pytest.raises(ConfigError, match=rf"schedule\.{key}: expected"):
        read_settings(written(tmp_path, f"[schedule]\n{key} = nan\n"))


def test_binary_file_is_refused(tmp_path):
    """A file that is not text gives an error that says that it is no TOML."""
    path = tmp_path / "edge.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no TOML"):
        read_settings(path)


def test_missing_file_is_an_error(tmp_path):
    """The error names the missing file."""
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        read_settings(tmp_path / "nothing.toml")


def test_settings_cannot_be_changed():
    """Settings are read-only, because all threads share one object."""
    with pytest.raises(AttributeError):
        Settings().detect.min_face_px = 100


def test_options_override_settings():
    """A given option replaces its setting, and None leaves it."""
    assert override(SourceSettings(use="camera"), use="clip.mp4", fps=None) == SourceSettings(use="clip.mp4")


def test_options_are_validated():
    """An invalid option gives an error with its name."""
    with pytest.raises(ConfigError, match="command line: fps"):
        override(SourceSettings(), fps=-1.0)


def test_file_overrides_the_profile(tmp_path):
    """`low-power` lowers the rates of scans and classification together; a key in the file replaces one of them."""
    plain = read_settings(written(tmp_path, 'profile = "low-power"\n'))
    assert plain.schedule.scan_interval_s > Settings().schedule.scan_interval_s
    assert plain.classify.rate_hz < Settings().classify.rate_hz
    changed = read_settings(written(tmp_path, 'profile = "low-power"\n[schedule]\nscan_interval_s = 9.0\n'))
    assert changed.schedule.scan_interval_s == 9.0
    assert changed.schedule.max_fps == plain.schedule.max_fps


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_valid(tmp_path, profile):
    """Each profile's keys are valid settings."""
    assert read_settings(written(tmp_path, f'profile = "{profile}"\n')).profile == profile


@pytest.mark.parametrize(
    ("profile", "words"),
    [('"fast"', "fast"), ("3", "expected `str`, got `int`"), ("[1]", "expected `str`, got `array`")],
)
def test_invalid_profile_is_refused(tmp_path, profile, words):
    """An unknown name, a number and a list give an error with the key."""
    with pytest.raises(ConfigError, match=f"profile: .*{words}"):
        read_settings(written(tmp_path, f"profile = {profile}\n"))


def test_value_in_place_of_a_section_is_refused(tmp_path):
    """The error is found although the profile sets keys of the same section."""
    with pytest.raises(ConfigError, match="schedule"):
        read_settings(written(tmp_path, 'profile = "low-power"\nschedule = 3\n'))


def test_error_lists_the_valid_values(tmp_path):
    """A key with few values has them in its error: in a section, at the top level, and on the command line."""
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


def test_section_is_read_under_its_old_name_with_one_warning(tmp_path, caplog):
    """`[name]` of an earlier version sets `[classify]`, and the only warning names both."""
    path = written(tmp_path, "[name]\nrate_hz = 3.0\n")
    assert read_settings(path).classify.rate_hz == 3.0
    (warning,) = caplog.messages
    assert warning == f"{path}: [name] is now called [classify]: rename the section; the old name is still read"


def test_section_under_its_new_name_gives_no_warning(tmp_path, caplog):
    """`[classify]` is read without a warning."""
    assert read_settings(written(tmp_path, "[classify]\nrate_hz = 3.0\n")).classify.rate_hz == 3.0
    assert caplog.messages == []


def test_section_under_its_old_name_overrides_the_profile(tmp_path, caplog):
    """A key in `[name]` replaces the profile's value; the profile still sets the other keys."""
    mine = read_settings(written(tmp_path, 'profile = "low-power"\n[name]\nrate_hz = 3.0\n'))
    assert mine.classify.rate_hz == 3.0
    other = read_settings(written(tmp_path, 'profile = "low-power"\n[name]\nmin_face_px = 50\n'))
    assert other.classify.rate_hz == PROFILES["low-power"]["classify"]["rate_hz"]
    assert other.classify.min_face_px == 50
    assert len(caplog.messages) == 2


def test_section_under_both_names_is_refused(tmp_path):
    """The error says which of `[name]` and `[classify]` to remove."""
    path = written(tmp_path, "[classify]\nrate_hz = 3.0\n[name]\nrate_hz = 4.0\n")
    with pytest.raises(ConfigError, match=r"expected \[classify\] alone, found .* \[name\] as well: remove \[name\]"):
        read_settings(path)


def test_invalid_value_under_an_old_section_name_is_found(tmp_path):
    """An invalid value is reported under the section's new name, which the warning has given."""
    with pytest.raises(ConfigError, match=r"classify\.rate_hz: expected"):
        read_settings(written(tmp_path, "[name]\nrate_hz = 0\n"))
