"""The settings of the sinks: each key's meaning, type, range and default. All sinks but the log are off by default."""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta

from edge.settings.base import FileName, Positive, SettingsSection


class LogSettings(SettingsSection, frozen=True):
    """[log] The JSON-lines log.

    Attributes:
        path: the log file; lines are appended to it.
        mode: `all` logs every reading; `changes` logs appearances, changes, departures and a summary; `auto` is
            `changes` for cameras and `all` for files.
        summary_interval_s: time between two summaries in mode `changes`, s.
        on_error: when the file cannot be written, as on a full disk, `stop` ends the run, so that no loss goes
            unnoticed; `retry` goes on, keeps the newest lines in memory and counts those that it had to drop.
        flush_s: time for which lines are collected and then written together, s, because each write wears an SD card.
        rotate: whether the file is rotated and compressed; `auto` rotates the log of a camera, which has no end.
        rotate_mb: size at which the file is rotated, MB (10^6 bytes).
        rotate_days: age of its first line at which the file is rotated, days.
        keep_mb: the oldest rotated files are removed when all files together exceed this, MB.
        keep_free_mb: the oldest rotated files are removed until this much of the disk is free, MB; if that is not
            enough, nothing is written.
    """

    path: FileName = "readings.jsonl"
    mode: Literal["auto", "all", "changes"] = "auto"
    summary_interval_s: Positive = 60.0
    on_error: Literal["stop", "retry"] = "stop"
    flush_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 1.0
    rotate: Literal["auto", "always", "never"] = "auto"
    rotate_mb: Annotated[float, Meta(ge=0.001, le=10_000.0)] = 8.0
    rotate_days: Annotated[float, Meta(ge=0.001, le=366.0)] = 1.0
    keep_mb: Annotated[float, Meta(ge=0.01)] = 256.0
    keep_free_mb: Annotated[float, Meta(ge=0.0)] = 100.0


class PageSettings(SettingsSection, frozen=True):
    """[page] The live page.

    Attributes:
        enabled: whether the page is served.
        address: the address of this machine at which the page is served; 127.0.0.1 is reachable from this machine
            alone, 0.0.0.0 from every machine on the network.
        port: TCP port of the page; 0 for any free one.
        token_file: a file that holds a token and nothing else, without which no browser gets access. May be empty for
            an address that only this machine reaches.
        hosts: additional host names by which browsers may call the page, besides this machine's own and every address.
        watchers: number of viewers that can watch the video at a time.
        fps: highest frame rate of the video, frames a second.
        width: largest width of the video, px.
        quality: JPEG quality of the video's pictures, 1 to 100.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8470
    token_file: FileName = ""
    hosts: tuple[str, ...] = ()
    watchers: Annotated[int, Meta(ge=1, le=16)] = 4
    fps: Annotated[float, Meta(gt=0.0, le=60.0)] = 15.0
    width: Annotated[int, Meta(ge=64, le=4096)] = 640
    quality: Annotated[int, Meta(ge=1, le=100)] = 80

    def __post_init__(self) -> None:
        """Check the address; msgspec turns the ValueError into a validation error."""
        super().__post_init__()
        ipaddress.ip_address(self.address)


class DisplaySettings(SettingsSection, frozen=True):
    """[display] A small display.

    Attributes:
        device: the display's controller; `framebuffer` for a display that the kernel drives, such as /dev/fb0; empty
            for none.
        interface: the bus that it is wired to; `auto` is i2c for ssd1306 and sh1106, spi for the others.
        width, height: size before the picture is turned, px; 0 for that of most modules with this controller, or that
            of the framebuffer.
        rotate: clockwise turn of the picture on the display, degrees.
        i2c_port: number of the bus: /dev/i2c-PORT.
        i2c_address: address of the display on the bus; 60 is 0x3C.
        spi_port, spi_device: numbers of the bus: /dev/spidevPORT.DEVICE.
        spi_mhz: clock of the SPI bus, MHz; 0 selects 8 for one-bit displays and 16 for colour.
        data_pin: GPIO number of an SPI display's D/C line.
        reset_pin: GPIO number of an SPI display's reset line.
        light_pin: GPIO number of an SPI display's backlight; -1 if it is not wired.
        bgr: whether red and blue are exchanged (st7735, ili9341, framebuffer).
        invert: whether light and dark are exchanged (st7735).
        offset_x, offset_y: where the picture begins in the controller's memory, px (st7735, ili9341).
        framebuffer: the kernel's device, for `framebuffer`.
        refresh_hz: highest number of updates a second; an update is left out if there is nothing new to show.
        dim_after_s: time without a face after which the display is dimmed, s; 0 for never.
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


class MqttSettings(SettingsSection, frozen=True):
    """[mqtt] Readings and state for an MQTT broker, and Home Assistant's discovery.

    Attributes:
        host: the broker's name or address; empty turns MQTT off.
        port: TCP port of the broker; 0 selects 1883, or 8883 with TLS.
        device_id: letters, digits, _ and -, different for each device; empty derives it from the board's serial number.
        device_name: the device's name in Home Assistant; empty derives it from device_id.
        topic: the prefix of all topics.
        username: user at the broker; empty for none; {device_id} in it is replaced by the device's own.
        password_file: a file whose first line is the password, and which no other user may read; empty for the
            service's credential mqtt-password.
        tls: whether the connection is encrypted, and the broker's certificate verified.
        ca_file: certificate of the authority to trust, in PEM; empty for those of the system.
        certificate_file: certificate of this device, in PEM, for brokers that require one.
        key_file: private key of that certificate, which no other user may read.
        state_interval_s: longest time between two state messages, s; a change is sent at once. The shares of the
            emotions in a message are those of this time.
        queue: the file in which readings are stored until the broker has them; empty for the service's state folder,
            or the user's.
        queue_limit: largest number of stored readings; beyond it the oldest are dropped.
        discovery: the prefix of Home Assistant's discovery; empty turns it off.
    """

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    device_id: str = ""
    device_name: str = ""
    topic: str = "edge-emotion"
    username: str = ""
    password_file: FileName = ""
    tls: bool = False
    ca_file: FileName = ""
    certificate_file: FileName = ""
    key_file: FileName = ""
    state_interval_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 10.0
    queue: FileName = ""
    queue_limit: Annotated[int, Meta(ge=10, le=1_000_000)] = 10_000
    discovery: str = "homeassistant"


class MetricsSettings(SettingsSection, frozen=True):
    """[metrics] Metrics for Prometheus.

    Attributes:
        enabled: whether metrics are served.
        address: the address of this machine at which metrics are served; 127.0.0.1 is reachable from this machine
            alone.
        port: TCP port of the metrics. Source of the default: OpenTelemetry's Prometheus exporter.
        hosts: additional host names by which Prometheus may call, besides this machine's own and every address.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 9464
    hosts: tuple[str, ...] = ()


class HookSettings(SettingsSection, frozen=True):
    """[hook] A program that runs when a face appears, changes or leaves.

    Attributes:
        command: the program and its arguments; it runs without a shell and gets the event as JSON on standard input.
            Empty for none.
        events: the events for which it runs. With `privacy.counts_only` it runs once a minute, with the counts.
        min_interval_s: shortest time between two starts, s; events that come sooner wait, and the oldest are dropped.
        timeout_s: time after which the program is killed, s.
        network: whether the program may use the network; the installer then opens that of the service.
    """

    command: tuple[Annotated[str, Meta(pattern="^[^\\0]*$")], ...] = ()
    events: tuple[Literal["appeared", "changed", "left"], ...] = ("appeared", "changed", "left")
    min_interval_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 1.0
    timeout_s: Annotated[float, Meta(ge=0.1, le=3600.0)] = 10.0
    network: bool = False

    def __post_init__(self) -> None:
        """Check the program's name; msgspec turns the ValueError into a validation error."""
        super().__post_init__()
        if self.command and not self.command[0]:
            raise ValueError("expected the program first, found an empty string")


class PrivacySettings(SettingsSection, frozen=True):
    """[privacy] What leaves the camera, and how long it is kept.

    Attributes:
        counts_only: whether sinks get only how often each emotion was seen in each minute: no face, no position, no
            time of a single reading, and no picture.
        retention_days: longest time for which a line of a rotated log is kept, days; 0 for as long as [log] has room.
        picture: what the live page shows: the `full` picture, a `blur` of a few large cells with the faces painted
            over, or `boxes` alone. The window and the annotated video exist with `full` only.
    """

    counts_only: bool = False
    retention_days: Annotated[float, Meta(ge=0.0)] = 0.0
    picture: Literal["full", "blur", "boxes"] = "full"
