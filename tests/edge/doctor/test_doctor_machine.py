"""The doctor names each fault of the board and the system when the machine's own files show it."""

import pytest

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("board", "Raspberry Pi 4 Model B, 1800 MHz"),
        ("supply", "no under-voltage since boot"),
        ("throttling", "not throttled since boot"),
        ("temperature", "48 °C"),
        ("system", "bookworm"),
        ("memory", "683 of 925 MB free, 99 MB of swap"),
        ("clock", "set by the network"),
    ],
)
def test_a_healthy_pi_is_well(find, name, words):
    """Nothing to mend."""
    found = find(name)
    assert (found.status, found.remedy) == ("ok", "")
    assert words in found.text


@pytest.mark.parametrize(
    ("name", "files", "words", "remedy"),
    [
        ("supply", {THROTTLED: "1"}, "too weak at this moment", "power supply"),
        ("supply", {THROTTLED: "10000"}, "too weak since boot", "power supply"),
        (
            "supply",
            {
                THROTTLED: None,
                "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
                "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n",
            },
            "too weak",
            "power supply",
        ),
        ("throttling", {THROTTLED: "4"}, "holds the processor back: throttled", "heat sink"),
        ("throttling", {THROTTLED: "80000"}, "soft temperature limit since boot", "heat sink"),
        ("temperature", {TEMPERATURE: "82100"}, "less than 80 °C, found 82 °C", "heat sink"),
        ("system", {"etc/os-release": "PRETTY_NAME=Fedora\nID=fedora\n"}, "found Fedora", "not tested"),
        ("memory", {"proc/meminfo": "MemTotal: 424000 kB\nMemAvailable: 90000 kB\n"}, "found 87 of 414 MB", "ps -eo"),
        ("clock", {"run/systemd/timesync/synchronized": None}, "may be wrong", "sudo timedatectl set-ntp true"),
    ],
)
def test_what_a_run_survives_is_a_warning_with_its_remedy(find, program, name, files, words, remedy):
    """Each fault is in the files where the kernel shows it; the clock's service says `no`."""
    program("timedatectl", "echo no")
    found = find(name, files=files)
    assert found.status == "warning"
    assert words in found.text
    assert remedy in found.remedy


def test_flags_that_only_the_firmwares_command_tells(find, tree):
    """Where the kernel has no file for them: its answer is a real program's."""
    vcgencmd = tree({THROTTLED: None}) / "usr/bin/vcgencmd"
    vcgencmd.parent.mkdir(parents=True)
    vcgencmd.write_text("#!/bin/sh\necho throttled=0x50005\n")
    vcgencmd.chmod(0o755)
    (tree() / THROTTLED).unlink()
    found = find("supply", files={THROTTLED: None})
    assert (found.status, "too weak at this moment" in found.text) == ("warning", True)
    assert "throttled" in find("throttling", files={THROTTLED: None}).text


def test_a_clock_that_another_service_sets_is_well(find, program):
    """As chrony does: only systemd's own leaves a file, the kernel knows of both."""
    program("timedatectl", "echo yes")
    assert find("clock", files={"run/systemd/timesync/synchronized": None}).status == "ok"


@pytest.mark.parametrize(
    ("architecture", "words"), [("aarch64", "32-bit programs on a 64-bit kernel"), ("armv7l", "found a 32-bit one")]
)
def test_32_bits_are_refused(find, architecture, words):
    """A 32-bit system, and a 32-bit system on a 64-bit kernel, which says aarch64 all the same."""
    found = find("word size", pointer_bits=32, architecture=architecture)
    assert found.status == "failed"
    assert words in found.text
    assert "64-bit Raspberry Pi OS" in found.remedy


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_a_python_that_is_too_old_or_too_new_is_refused(find, version):
    """No interpreter for the model has wheels for it."""
    found = find("Python", python=version)
    assert found.status == "failed"
    assert f"found 3.{version[1]}" in found.text


def test_a_numpy_that_does_not_fit_apts_packages(find, tmp_path, monkeypatch):
    """With the sentence that numpy's binary check raises; the remedy takes away this very numpy."""
    (tmp_path / "simplejpeg.py").write_text("raise ValueError('numpy.dtype size changed, may indicate')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = find("numpy")
    assert found.status == "failed"
    assert "numpy.dtype size changed" in found.text
    assert found.remedy.startswith(("rm -r ", "sudo rm -r "))
    assert "site-packages/numpy" in found.remedy


def test_a_numpy_that_fits(find, tmp_path, monkeypatch):
    """With and without apt's package."""
    assert find("numpy").status == "ok"
    (tmp_path / "simplejpeg.py").write_text("import numpy")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = find("numpy")
    assert (found.status, found.remedy) == ("ok", "")
    assert "simplejpeg fits" in found.text


def test_a_numpy_that_hides_apts(find, tmp_path, monkeypatch):
    """It may fit today; the next upgrade by apt need not. The remedy takes away this very numpy."""
    apts = "usr/lib/python3/dist-packages"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "root" / apts))
    assert find("numpy").status == "ok"
    found = find("numpy", files={f"{apts}/numpy/version": ""})
    assert (found.status, "expected apt's numpy" in found.text) == ("warning", True)
    assert "site-packages/numpy" in found.remedy
    monkeypatch.delenv("PYTHONPATH")  # then this environment sees none of apt's
    assert find("numpy").status == "ok"
