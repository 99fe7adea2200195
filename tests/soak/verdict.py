"""Compares what came out of a simulation with its script; each check returns what is wrong, a sentence each."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from script import DAY_S, Script
from simulated_device import BEGIN
from simulation import RETENTION_DAYS, Record
from usage import MIN_LIFE_S, measure_growth

from edge.vision.picture import FAULTS

Check = Callable[[Script, Record], list[str]]

MAX_GROWTH = 0.03
"""Largest growth of the resident memory, as a share."""

PICTURE_NOTICED_S, PICTURE_OVER_S = 25.0, 15.0
"""Time until a fault of the picture, and its end, are in the log, s. A dark room is looked at every 5 s."""

_GAP_TOLERANCE_S, _STEP_TOLERANCE_S = 15.0, 1.0
_GAP_OF_HANG_S = 10.0  # of a camera that hangs there may be a gap: it is as short as the shortest that is logged
_MOST_UNDER_WAY = 4  # frames between the camera and the last step

_NAMED = {
    "absent": "found the camera gone",
    "hung": "the driver may hang",
    "frozen": FAULTS["frozen"],
    "dark": FAULTS["dark"],
    "odd frames": "left out",
    "broker gone": "found the connection lost",
    "disk full": "the log cannot be written",
    "reload": "the settings and the model are reloaded",
}
"""Text of the journal that names each kind of fault."""

_EVENTS_OF_FACES = ("appeared", "changed", "left")


def check_faces(script: Script, record: Record) -> list[str]:
    """The log shows who was there, with which expression, at any time but shortly after a change."""
    seen: list[tuple[float, Counter[str]]] = [(0.0, Counter())]
    faces: dict[object, str] = {}
    for time_s, line in _timed(record):
        if line["event"] in {"started", "left"}:
            faces = {} if line["event"] == "started" else {key: faces[key] for key in faces if key != line["track"]}
        elif line["event"] in _EVENTS_OF_FACES:
            faces[line["track"]] = str(line["emotion"])
        seen.append((time_s, Counter(faces.values())))
    seen.append((script.seconds, Counter()))
    changes = script.changes()
    problems = []
    for (start_s, shown), (end_s, _) in pairwise(seen):
        edges = {start_s, end_s, *(edge_s for change in changes for edge_s in change if start_s < edge_s < end_s)}
        for before_s, after_s in pairwise(sorted(edges)):
            middle_s = (before_s + after_s) / 2
            expected = script.visible_at(middle_s)
            if shown != expected and not any(first_s <= middle_s <= last_s for _, first_s, last_s in changes):
                problems.append(
                    f"{_clock(before_s)} for {after_s - before_s:.1f} s: expected {_names(expected)}, "
                    f"found {_names(shown)}"
                )
    return problems


def check_events(script: Script, record: Record) -> list[str]:
    """The log names every start, stop, gap, clock step and fault of the picture, no other, and old files go."""
    events = defaultdict(list)
    for time_s, line in _timed(record):
        events[line["event"]].append((time_s, line))
    reloads, kills = len(script.of_kind("reload")), len(script.of_kind("killed"))
    problems = [
        f"expected {expected} lines {name}, found {len(events[name])}"
        for name, expected in (("started", 1 + kills + reloads), ("stopped", 1 + reloads))
        if len(events[name]) != expected
    ]
    gaps = [(fault.end_s - fault.start_s, "camera") for fault in script.of_kind("absent")]
    found = [
        (float(line["duration_s"]), line["reason"])
        for time_s, line in events["gap"]
        if not any(0 <= time_s - hang.start_s <= _GAP_OF_HANG_S for hang in script.of_kind("hung"))
    ]
    problems += _compare("gaps", gaps, found, _GAP_TOLERANCE_S)
    steps = [(fault.step_s, "") for fault in script.of_kind("clock step")]
    problems += _compare("steps", steps, [(line["stepped_s"], "") for _, line in events["clock"]], _STEP_TOLERANCE_S)
    if record.kept_days > RETENTION_DAYS:
        problems.append(f"expected rotated logs of at most {RETENTION_DAYS:.0f} days, found {record.kept_days:.1f}")
    return problems + _check_picture(script, events["picture"])


def _check_picture(script: Script, found: list[tuple[float, dict[str, object]]]) -> list[str]:
    expected = []
    for fault in script.of_kind("frozen", "dark"):
        expected.append((fault.start_s, fault.kind, PICTURE_NOTICED_S))
        expected.append((fault.end_s, None, PICTURE_OVER_S))
    if [kind for _, kind, _ in expected] != [line["fault"] for _, line in found]:
        return [f"expected faults of the picture {[kind for _, kind, _ in expected]}, found {found}"]
    return [
        f"{_clock(time_s)}: expected the picture {kind or 'good'} in the log within {limit_s:.0f} s, "
        f"found it after {found_s - time_s:.1f} s"
        for (time_s, kind, limit_s), (found_s, _) in zip(expected, found, strict=True)
        if not 0 <= found_s - time_s <= limit_s
    ]


def _compare(
    name: str, expected: list[tuple[float, object]], found: list[tuple[float, object]], tolerance_s: float
) -> list[str]:
    if len(expected) == len(found) and all(
        abs(wanted_s - found_s) <= tolerance_s and wanted == is_there
        for (wanted_s, wanted), (found_s, is_there) in zip(expected, found, strict=True)
    ):
        return []
    return [f"expected {name} {expected}, found {found}"]


def check_mqtt(script: Script, record: Record) -> list[str]:
    """The broker got every event of the log, and its retained messages are those of the end."""
    problems = []
    messages = {str(message["id"]): message for message in record.readings}
    for run in {message["run"] for message in messages.values()}:
        numbers = sorted(int(message["number"]) for message in messages.values() if message["run"] == run)
        if numbers != list(range(1, len(numbers) + 1)):
            problems.append(f"run {run}: expected every number up to {numbers[-1]}, found {len(numbers)}")
    logged, sent = (_count_events(script, lines) for lines in (record.lines, messages.values()))
    if logged != sent:
        problems.append(f"expected the events of the log, found {dict(sent - logged)} more, {dict(logged - sent)} less")
    expected = script.visible_at(script.seconds - 1).total(), "OFF"
    if (record.state["faces"], record.state["problem"]) != expected:
        problems.append(f"expected the retained state {expected}, found {record.state}")
    if record.availability != "offline":
        problems.append(f"expected availability offline after the end, found {record.availability}")
    return problems


def _count_events(script: Script, lines: "list[dict[str, object]]") -> Counter[tuple[object, object]]:
    """Count the events of faces, but for times at which a process was killed or the queue could not be written."""
    left_out = [(fault.start_s - 10, fault.end_s + 90) for fault in script.of_kind("killed", "disk full")]
    walls = [tuple(_wall(script, time_s) for time_s in stretch) for stretch in left_out]
    return Counter(
        (line["event"], line["emotion"])
        for line in lines
        if line["event"] in _EVENTS_OF_FACES
        and not any(first <= datetime.fromisoformat(str(line["time"])) <= last for first, last in walls)
    )


def check_counters(script: Script, record: Record) -> list[str]:
    """The metrics add up, and nothing was dropped, lost or late."""
    metrics, status = record.metrics, record.status
    dropped = _sum(metrics, "edge_emotion_frames_dropped_total")
    captured, processed = (metrics[f"edge_emotion_frames_{name}_total"] for name in ("captured", "processed"))
    with_face, readings = metrics["edge_emotion_frames_with_face_total"], _sum(metrics, "edge_emotion_readings_total")
    rules = {
        f"captured {captured:.0f} = processed {processed:.0f} + dropped {dropped:.0f}": (
            0 <= captured - processed - dropped <= _MOST_UNDER_WAY
        ),
        f"frames with a face {with_face:.0f} <= readings {readings:.0f} <= twice as many": (
            with_face <= readings <= 2 * with_face
        ),
        f"no pause, none dropped, found {status}": not any(
            (status.pauses, status.dropped, status.undelivered, status.log_dropped, status.blocked)
        ),
        f"no stall but those of the camera, found {status.stalls}": (
            status.stalls <= len(script.of_kind("absent", "hung"))
        ),
    }
    return [f"expected {rule}" for rule, holds in rules.items() if not holds]


def check_faults(script: Script, record: Record) -> list[str]:
    """Journal and status name each fault; no process ended by itself, and none wrote a traceback."""
    problems = [f"journal: {line}" for line in record.journal if "Traceback" in line or "unexpected" in line]
    for kind, text in _NAMED.items():
        count, expected = sum(text in line for line in record.journal), len(script.of_kind(kind))
        if count < expected and not (kind == "odd frames" and count):
            problems.append(f"journal: expected {expected} times {text!r}, found {count}")
    for kind, status in record.during:
        named = (
            status.log_error if kind == "disk full" else [sink.error for sink in status.sinks if sink.name == "mqtt"]
        )
        if not named or named == [""]:
            problems.append(f"status while the {kind}: expected the fault, found {status}")
    if record.exits != [0]:
        problems.append(f"expected exit code 0 at the end and no other, found {record.exits}")
    problems += [f"viewers: expected bytes of each path, found {view}" for view in record.viewed if 0 in view.values()]
    return problems


def check_resources(script: Script, record: Record) -> list[str]:
    """Memory, threads and open files at the end are those after the warm-up."""
    growth = measure_growth(record.samples)
    if growth is None:
        is_short = script.seconds < 2 * MIN_LIFE_S
        return [] if is_short else [f"expected the last process to live for {MIN_LIFE_S / DAY_S:.0f} days, found less"]
    problems = []
    if growth.rss_share > MAX_GROWTH:
        problems.append(f"expected memory to grow by at most {MAX_GROWTH:.0%}, found {growth.rss_share:.1%}")
    for name, (first, last) in (("threads", growth.threads), ("open files", growth.files)):
        if first != last:
            problems.append(f"expected {name} to stay at {first:.0f}, found {last:.0f}")
    return problems


CHECKS: tuple[Check, ...] = (check_faces, check_events, check_mqtt, check_counters, check_faults, check_resources)


def _timed(record: Record) -> Iterator[tuple[float, dict[str, object]]]:
    """Yield each line with its time since the start, s, as if the wall clock had never been set."""
    offset_s = BEGIN
    for line in record.lines:
        offset_s += float(line["stepped_s"]) if line["event"] == "clock" else 0.0
        yield datetime.fromisoformat(str(line["time"])).timestamp() - offset_s, line


def _wall(script: Script, time_s: float) -> datetime:
    return datetime.fromtimestamp(BEGIN + time_s + script.wall_offset_s(time_s), UTC)


def _sum(metrics: dict[str, float], name: str) -> float:
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name)


def _clock(time_s: float) -> str:
    return f"day {int(time_s // DAY_S) + 1}, {timedelta(seconds=int(time_s % DAY_S))}"


def _names(labels: Counter[str]) -> str:
    return " and ".join(sorted(labels.elements())) or "nobody"
