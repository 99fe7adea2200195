"""The settings of the sinks: what each is for, its type, range and default. All but the log are off by default."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta

from edge.section import Positive, Section


class LogSettings(Section, frozen=True):
    """[log] The JSON-lines log.

    path: the file; it is appended to.
    mode: `all` writes each reading, `changes` appearances, changes, departures and a summary; `auto` is `changes`
        for cameras and `all` for files.
    summary_interval_s: time between two summaries in mode `changes`, s.
    on_error: when the file cannot be written, on a full disk for one: `stop` ends the run, so that nothing is lost
        unnoticed; `retry` goes on, keeps the newest lines for later and counts those that it had to drop.
    flush_s: lines are gathered for this long and written at once, s: a card wears by writes.
    rotate: whether the file is put aside now and then, and compressed: `auto` is for cameras, whose log has no end.
    rotate_mb, rotate_days: when: at this size, MB (10^6 bytes), or when its first line is this old, days.
    keep_mb: all files of the log together are kept below this, MB: the oldest go.
    keep_free_mb: likewise until this much of the disk is free, MB; where that is not enough nothing is written.
    """

    path: str = "readings.jsonl"
    mode: Literal["auto", "all", "changes"] = "auto"
    summary_interval_s: Positive = 60.0
    on_error: Literal["stop", "retry"] = "stop"
    flush_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 1.0
    rotate: Literal["auto", "always", "never"] = "auto"
    rotate_mb: Annotated[float, Meta(ge=0.001, le=10_000.0)] = 8.0
    rotate_days: Annotated[float, Meta(ge=0.001, le=366.0)] = 1.0
    keep_mb: Annotated[float, Meta(ge=0.01)] = 256.0
    keep_free_mb: Annotated[float, Meta(ge=0.0)] = 100.0


class PageSettings(Section, frozen=True):
    """[page] The live page.

    enabled: serve it.
    address: of this machine, where it is asked for; 127.0.0.1 is for this machine alone, and 0.0.0.0 for all that can
        reach it. port: likewise; 0 is any free one.
    token_file: a file that holds a token and nothing else: who does not know it is not let in. Empty is for an address
        that only this machine reaches.
    hosts: names by which browsers may call the page, beside this machine's own and every address.
    watchers: how many may watch the video at a time.
    fps: the video has no more frames a second. width: nor a wider picture, px. quality: JPEG's, 1 to 100.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8470
    token_file: str = ""
    hosts: tuple[str, ...] = ()
    watchers: Annotated[int, Meta(ge=1, le=16)] = 4
    fps: Annotated[float, Meta(gt=0.0, le=60.0)] = 15.0
    width: Annotated[int, Meta(ge=64, le=4096)] = 640
    quality: Annotated[int, Meta(ge=1, le=100)] = 80

    def __post_init__(self) -> None:
        """Check the address: msgspec makes of a ValueError what it makes of any wrong value."""
        ipaddress.ip_address(self.address)


class DisplaySettings(Section, frozen=True):
    """[display] A small display.

    device: what drives it; empty is none. framebuffer: the kernel does, as /dev/fb0 for one.
    interface: how it is wired; auto is i2c for ssd1306 and sh1106, spi for the others.
    width, height: px, as the controller counts them; 0 is what most modules have. rotate: clockwise, degrees.
    i2c_port, i2c_address: the bus /dev/i2c-PORT, and where on it.
    spi_port, spi_device: the bus /dev/spidevPORT.DEVICE. spi_mhz: 0 is 8 for one-bit displays, 16 for colour.
    data_pin, reset_pin, light_pin: GPIO numbers of a SPI display's D/C, reset and backlight; light_pin -1: not wired.
    bgr: red and blue change places. invert: so do light and dark (st7735). offset_x, offset_y: where the picture begins
        in the controller's memory, px (st7735, ili9341).
    framebuffer: the kernel's.
    refresh_hz: how often it is looked whether something else is to be shown, times a second.
    dim_after_s: without a face for so long it is dimmed, s; 0 is never.
    """

    device: Literal["", "ssd1306", "sh1106", "st7735", "st7789", "ili9341", "framebuffer"] = ""
    interface: Literal["auto", "i2c", "spi"] = "auto"
    width: Annotated[int, Meta(ge=0, le=4096)] = 0
    height: Annotated[int, Meta(ge=0, le=4096)] = 0
    rotate: Literal[0, 90, 180, 270] = 0
    i2c_port: Annotated[int, Meta(ge=0, le=255)] = 1
    i2c_address: Annotated[int, Meta(ge=0x03, le=0x77)] = 0x3C
    spi_port: Annotated[int, Meta(ge=0, le=255)] = 0
    spi_device: Annotated[int, Meta(ge=0, le=255)] = 0
    spi_mhz: Literal[0, 1, 2, 4, 8, 16, 20, 24, 28, 32, 36, 40, 44, 48, 50, 52] = 0
    data_pin: Annotated[int, Meta(ge=0, le=53)] = 24
    reset_pin: Annotated[int, Meta(ge=0, le=53)] = 25
    light_pin: Annotated[int, Meta(ge=-1, le=53)] = 18
    bgr: bool = False
    invert: bool = False
    offset_x: Annotated[int, Meta(ge=0, le=255)] = 0
    offset_y: Annotated[int, Meta(ge=0, le=255)] = 0
    framebuffer: Annotated[str, Meta(pattern="^/dev/fb[0-9]+$")] = "/dev/fb0"
    refresh_hz: Annotated[float, Meta(ge=0.2, le=30.0)] = 5.0
    dim_after_s: Annotated[float, Meta(ge=0.0)] = 60.0


class MqttSettings(Section, frozen=True):
    """[mqtt] Readings and state for a broker, and Home Assistant.

    host: the broker's name or address; empty is none. port: 0 is 1883, or 8883 with TLS.
    device_id: letters, digits, _ and -, different for each device; empty is made of the board's serial number.
    device_name: what Home Assistant calls the device; empty is made of device_id.
    topic: what all topics begin with.
    username: empty is none; {device_id} in it is the device's own.
    password_file: its first line is the password; others may not read it. Empty is the credential mqtt-password of the
        service.
    tls: encrypt, and check the broker's certificate. ca_file: the authority to trust, in PEM; empty trusts the
        system's. certificate_file, key_file: our own, for brokers that ask for one; others may not read the key.
    state_interval_s: the state is told this often, and when it changes, s; shares are of so long.
    queue: the file in which readings wait for the broker; empty is in the service's state directory, or the user's.
    queue_limit: readings that wait at most; then the oldest give way.
    discovery: Home Assistant's prefix; empty tells it nothing.
    """

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    device_id: str = ""
    device_name: str = ""
    topic: str = "edge-emotion"
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    state_interval_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 10.0
    queue: str = ""
    queue_limit: Annotated[int, Meta(ge=10, le=1_000_000)] = 10_000
    discovery: str = "homeassistant"


class MetricsSettings(Section, frozen=True):
    """[metrics] Figures for Prometheus.

    enabled: serve them. address: of this machine, where they are asked for; 127.0.0.1 is for this machine alone.
    port: likewise. Source of the default: OpenTelemetry's, for figures of this kind.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 9464


class PrivacySettings(Section, frozen=True):
    """[privacy] What leaves the camera, and how long it is kept.

    counts_only: sinks are told how often each emotion was seen, a minute at a time, and nothing else: no face, no
        place, no time of its own, and no picture.
    retention_days: no line of a log that is rotated is kept for longer, days; 0 is for as long as [log] has room.
    picture: what the live page shows: the `full` picture, a `blur` with the faces painted over, or `boxes` alone.
    """

    counts_only: bool = False
    retention_days: Annotated[float, Meta(ge=0.0)] = 0.0
    picture: Literal["full", "blur", "boxes"] = "full"
