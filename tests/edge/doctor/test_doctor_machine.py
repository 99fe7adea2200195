"""The doctor reports each problem of the board and the system from the files in which the kernel shows it."""

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
def test_healthy_pi_has_no_problem(run_check, name, words):
    """Each check of a Pi without problems is ok, describes what it found, and has no remedy."""
    finding = run_check(name)
    assert (finding.status, finding.remedy) == ("ok", "")
    assert words in finding.text


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
        ("throttling", {THROTTLED: "4"}, "limits the processor's clock: throttled", "heat sink"),
        ("throttling", {THROTTLED: "80000"}, "soft temperature limit since boot", "heat sink"),
        ("temperature", {TEMPERATURE: "82100"}, "less than 80 °C, found 82 °C", "heat sink"),
        ("system", {"etc/os-release": "PRETTY_NAME=Fedora\nID=fedora\n"}, "found Fedora", "not tested"),
        ("memory", {"proc/meminfo": "MemTotal: 424000 kB\nMemAvailable: 90000 kB\n"}, "found 87 of 414 MB", "ps -eo"),
        ("clock", {"run/systemd/timesync/synchronized": None}, "may be wrong", "sudo timedatectl set-ntp true"),
    ],
)
def test_problem_that_a_run_survives_is_a_warning(run_check, program, name, files, words, remedy):
    """A weak supply, heat, an untested system, little memory and an unset clock are warnings with their remedies."""
    program("timedatectl", "echo no")
    finding = run_check(name, files=files)
    assert finding.status == "warning"
    assert words in finding.text
    assert remedy in finding.remedy


def test_throttle_flags_are_read_from_vcgencmd(run_check, tree):
    """On a kernel without a file for the flags, the firmware's tool is run."""
    vcgencmd = tree({THROTTLED: None}) / "usr/bin/vcgencmd"
    vcgencmd.parent.mkdir(parents=True)
    vcgencmd.write_text("#!/bin/sh\necho throttled=0x50005\n")
    vcgencmd.chmod(0o755)
    (tree() / THROTTLED).unlink()
    finding = run_check("supply", files={THROTTLED: None})
    assert (finding.status, "too weak at this moment" in finding.text) == ("warning", True)
    assert "throttled" in run_check("throttling", files={THROTTLED: None}).text


def test_clock_may_be_set_by_another_service(run_check, program):
    """A clock that chrony sets, which leaves no file of systemd's, is ok because the kernel knows that it is set."""
    program("timedatectl", "echo yes")
    assert run_check("clock", files={"run/systemd/timesync/synchronized": None}).status == "ok"


@pytest.mark.parametrize(
    ("architecture", "words"), [("aarch64", "32-bit programs on a 64-bit kernel"), ("armv7l", "found a 32-bit one")]
)
def test_32_bit_system_fails(run_check, architecture, words):
    """A 32-bit system fails, and so do 32-bit programs on a 64-bit kernel, whose architecture is aarch64 as well."""
    finding = run_check("word size", pointer_bits=32, architecture=architecture)
    assert finding.status == "failed"
    assert words in finding.text
    assert "64-bit Raspberry Pi OS" in finding.remedy


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_unsupported_python_fails(run_check, version):
    """A Python for which no interpreter package has wheels is a failure."""
    finding = run_check("Python", python=version)
    assert finding.status == "failed"
    assert f"found 3.{version[1]}" in finding.text


def test_numpy_that_does_not_fit_simplejpeg_fails(run_check, tmp_path, monkeypatch):
    """The failure quotes numpy's binary check, and the remedy removes exactly this numpy."""
    (tmp_path / "simplejpeg.py").write_text("raise ValueError('numpy.dtype size changed, may indicate')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = run_check("numpy")
    assert finding.status == "failed"
    assert "numpy.dtype size changed" in finding.text
    assert finding.remedy.startswith(("rm -r ", "sudo rm -r "))
    assert "site-packages/numpy" in finding.remedy


def test_numpy_that_fits_is_ok(run_check, tmp_path, monkeypatch):
    """A numpy is ok without apt's simplejpeg, and with one that can be imported."""
    assert run_check("numpy").status == "ok"
    (tmp_path / "simplejpeg.py").write_text("import numpy")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = run_check("numpy")
    assert (finding.status, finding.remedy) == ("ok", "")
    assert "simplejpeg fits" in finding.text


def test_numpy_that_hides_apts_is_a_warning(run_check, tmp_path, monkeypatch):
    """A numpy of the environment's own may not fit after apt's next upgrade; the remedy removes exactly this numpy."""
    apts = "usr/lib/python3/dist-packages"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "root" / apts))
    assert run_check("numpy").status == "ok"
    finding = run_check("numpy", files={f"{apts}/numpy/version": ""})
    assert (finding.status, "expected apt's numpy" in finding.text) == ("warning", True)
    assert "site-packages/numpy" in finding.remedy
    monkeypatch.delenv("PYTHONPATH")  # without it this environment does not see apt's packages
    assert run_check("numpy").status == "ok"
