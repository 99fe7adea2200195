"""The checks, in the order in which they run; each one starts with everything running, and an empty room."""

import json
import re
import time
from collections.abc import Callable

import cv2
import numpy as np
from bench import FACES, Bench, Check
from home import now
from hub import NAME
from product import TOKEN
from waiting import wait_for

EMOTION, DOMINANT = "sensor.camera_hall_emotion", "sensor.camera_hall_dominant_emotion"
FACE, CAMERA = "event.camera_hall_face", "binary_sensor.camera_hall_camera"
SHARES = tuple(f"sensor.camera_hall_share_{label}" for label in ("happy", "neutral", "disgust", "fear", "uncertain"))
JPEG = b"\xff\xd8\xff"
COMPLAINT = re.compile(
    r" (WARNING|ERROR|CRITICAL) .*(mqtt|template|automation|sensor|event|camera_hall|edge-emotion)", re.I
)
"""A line of Home Assistant's log that is about what the device sends."""

STALE_S = 11.0
"""Readings older than ten seconds are not sent as new ones; a little more, s."""

DARK = 60.0
"""Between the brightness of the drawn rooms and that of the notice that the camera is lost."""

UNKNOWN, UNAVAILABLE = "unknown", "unavailable"


def device_and_entities(bench: Bench) -> None:
    """Home Assistant discovers the device with all documented entities."""
    wait_for(lambda: bench.home.entities() >= {FACES, EMOTION, DOMINANT, FACE, CAMERA, *SHARES})
    fields = {
        key: bench.home.template(f"{{{{ device_attr('{FACES}', '{key}') }}}}")
        for key in ("name", "manufacturer", "sw_version", "configuration_url")
    }
    assert fields["name"] == "Camera hall", fields
    assert fields["manufacturer"] == "edge-emotion", fields
    bench.note(
        f"{len(bench.home.entities())} entities of the device {fields['name']!r}, version {fields['sw_version']}"
    )


def states_and_attributes(bench: Bench) -> None:
    """A face changes the entities and starts the documented automations, and an empty room changes them back."""
    home, before = bench.home, bench.acted()
    assert [home.state(entity) for entity in (FACES, EMOTION, CAMERA)] == ["0", "none", "off"], home.states()
    bench.product.show("face")
    home.wait_for_state(FACES, "1")
    wait_for(lambda: home.state(EMOTION) not in {"none", UNKNOWN})
    wait_for(lambda: home.states()[FACE]["attributes"].get("event_type") == "appeared")
    bench.wait_for_action(before)
    attributes = home.states()[EMOTION]["attributes"]
    assert {"model", "right_percent", "about"} <= set(attributes), attributes
    bench.note(
        f"Emotion {home.state(EMOTION)}, model {attributes['model']}, right_percent {attributes['right_percent']}"
    )
    bench.product.show("empty")
    home.wait_for_state(FACES, "0")
    home.wait_for_state(EMOTION, "none")
    wait_for(lambda: home.states()[FACE]["attributes"].get("event_type") == "left")


def orderly_restart(bench: Bench) -> None:
    """After an orderly restart the history has a gap, and no value from before it."""
    _restart_with_face(bench, bench.product.stop)


def crash(bench: Bench) -> None:
    """After a crash (kill -9) the history has a gap, and no value from before it."""
    _restart_with_face(bench, bench.product.crash)


def _restart_with_face(bench: Bench, end: Callable[[], None]) -> None:
    """End the product while a face is in view, start it with an empty room, and check the history."""
    home, product = bench.home, bench.product
    product.show("face")
    home.wait_for_state(FACES, "1")
    shown = wait_for(lambda: (emotion := home.state(EMOTION)) not in {"none", UNKNOWN} and emotion)
    since = now()
    end()
    home.wait_for_state(FACES, UNAVAILABLE)
    acted = bench.acted()
    product.show("empty")
    product.start()
    home.wait_for_state(FACES, "0")
    home.wait_for_state(EMOTION, "none")
    for entity, before, after in ((FACES, "1", "0"), (EMOTION, shown, "none")):
        states = home.history(entity, since)
        bench.note(f"{entity.partition('.')[2]} {' > '.join(states)}")
        gap = states.index(UNAVAILABLE)
        assert states[0] == before, states
        assert before not in states[gap:], states
        assert states[-1] == after, states
        assert set(states[1:-1]) <= {UNKNOWN, UNAVAILABLE}, states
    assert bench.acted() == acted, f"expected no automation to act, found {acted}, then {bench.acted()}"


def frozen_device(bench: Bench) -> None:
    """A device that hangs becomes unavailable, and afterwards shows no value from before."""
    home, product = bench.home, bench.product
    product.show("face")
    home.wait_for_state(FACES, "1")
    since = now()
    product.freeze()
    try:
        product.show("empty")
        home.wait_for_state(FACES, UNAVAILABLE, limit_s=90)
        bench.note(f"unavailable after {(now() - since).total_seconds():.0f} s")
    finally:
        product.thaw()
    home.wait_for_state(FACES, "0", limit_s=120)
    states = home.history(FACES, since)
    bench.note(f"faces {' > '.join(states)}")
    assert "1" not in states[states.index(UNAVAILABLE) :], states


def silent_device(bench: Bench) -> None:
    """Values that nobody renews become unavailable by their age, even if the broker calls the device online."""
    home, product = bench.home, bench.product
    product.show("face")
    home.wait_for_state(FACES, "1")
    since = now()
    product.crash()
    home.wait_for_state(FACES, UNAVAILABLE)
    listener = bench.listen("edge-emotion/#")
    try:
        listener.publish("edge-emotion/bench/availability", "online", retain=True)
        home.wait_for_state(FACES, "1")
        home.wait_for_state(FACES, UNAVAILABLE, limit_s=90)
    finally:
        listener.close()
    bench.note(f"unavailable {(now() - since).total_seconds():.0f} s after the crash")
    product.show("empty")
    product.start()
    home.wait_for_state(FACES, "0")


def lost_camera(bench: Bench) -> None:
    """While the camera is lost the values are unknown, not zero, and Camera reports a problem."""
    home, product = bench.home, bench.product
    product.show("face")
    home.wait_for_state(FACES, "1")
    wait_for(lambda: all(home.state(entity) not in {UNKNOWN, UNAVAILABLE} for entity in SHARES))
    since = now()
    product.show("gone")
    home.wait_for_state(CAMERA, "on")
    for entity in (FACES, EMOTION, DOMINANT, *SHARES):
        home.wait_for_state(entity, UNKNOWN)
    product.show("empty")
    home.wait_for_state(CAMERA, "off")
    home.wait_for_state(FACES, "0")
    states = home.history(FACES, since)
    bench.note(f"faces {' > '.join(states)}; camera {' > '.join(home.history(CAMERA, since))}")
    assert states == ["1", UNKNOWN, "0"], states


def change_of_classes(bench: Bench) -> None:
    """With fewer classes, or with counts alone, the entities that are no longer provided disappear, and come back."""
    home, product = bench.home, bench.product
    all_entities = home.entities()
    five = {f"sensor.camera_hall_share_{label}" for label in ("disgust", "fear")}
    for name, settings, without in (
        ("5 classes", "[model]\nclasses = 5\n", five),
        ("counts_only", "[privacy]\ncounts_only = true\n", {EMOTION, FACE}),
        ("all", "", set()),
    ):
        product.stop()
        product.start(settings)
        try:
            wait_for(lambda without=without: home.entities() == all_entities - without)
        except AssertionError:
            found = sorted(home.entities() ^ (all_entities - without))
            raise AssertionError(f"{name}: expected others to be there or not: {found}") from None
        left = set(home.states()) & without
        assert not left, f"{name}: expected no state, found {left}"
        bench.note(f"{name}: {len(all_entities - without)} entities")
    home.wait_for_state(FACES, "0")


def changed_while_off(bench: Bench) -> None:
    """Entities that are no longer provided while Home Assistant is off stay as such, and have no value."""
    home, product = bench.home, bench.product
    entities = home.entities()
    home.stop()
    product.stop()
    product.start("[model]\nclasses = 5\n")
    home.start()
    home.wait_for_state(FACES, "0")
    gone = sorted(entity for entity in entities if entity.endswith(("_disgust", "_fear")))
    found = {entity: home.state(entity) for entity in gone}
    bench.note(", ".join(f"{entity.partition('_share_')[2]} {state}" for entity, state in found.items()))
    assert set(found.values()) <= {UNAVAILABLE, None}, found
    product.stop()
    product.start()
    for entity in gone:
        wait_for(lambda entity=entity: home.state(entity) not in {UNAVAILABLE, None})


def removed_device(bench: Bench) -> None:
    """Without discovery the whole device disappears, and with it comes back."""
    home, product = bench.home, bench.product
    entities = home.entities()
    product.stop()
    product.start('discovery = ""\n')
    wait_for(lambda: not home.entities())
    left = [entity for entity in home.states() if "camera_hall" in entity]
    assert not left, f"expected no state, found {left}"
    product.stop()
    product.start()
    wait_for(lambda: home.entities() == entities)
    bench.note(f"{len(entities)} entities, none, {len(entities)}")


def no_complaints(bench: Bench) -> None:
    """Home Assistant has logged no warning or error about the device, its messages or the automations."""
    logged = bench.home.output()[bench.set_up_output :].splitlines()
    found = [line for line in logged if COMPLAINT.search(line)]
    bench.note(f"{len(logged)} lines, {len(found)} of them warnings or errors of MQTT, templates or automations")
    assert not found, found[0]


def broker_outage(bench: Bench) -> None:
    """After an outage of the broker the automations do not act on old readings, and act on a new face."""
    home, product = bench.home, bench.product
    before = bench.acted()
    product.show("face")
    home.wait_for_state(FACES, "1")
    bench.wait_for_action(before)
    product.show("empty")
    home.wait_for_state(FACES, "0")
    before, since = bench.acted(), now()
    bench.broker.stop()
    home.wait_for_state(FACES, UNAVAILABLE)
    for picture, event in (("face", "appeared"), ("empty", "left")):
        product.show(picture)
        wait_for(lambda event=event: product.events_since(since)[event])
    stale_at = time.monotonic() + STALE_S
    wait_for(lambda: time.monotonic() > stale_at)  # the readings become backlog by their age alone
    bench.broker.start()
    listener = bench.listen("edge-emotion/#")
    try:
        home.wait_for_state(FACES, "0", limit_s=120)
        wait_for(lambda: len(listener.payloads("/backlog")) >= 2, limit_s=120)
        assert bench.acted() == before, f"expected no automation to act, found {before}, then {bench.acted()}"
        product.show("face")
        bench.wait_for_action(before)
        bench.note(
            f"{len(listener.payloads('/backlog'))} old readings, no action; a new face, one action of each automation"
        )
    finally:
        listener.close()
    product.show("empty")
    home.wait_for_state(FACES, "0")


def held_back_reading(bench: Bench) -> None:
    """The automations do not act on a reading that a broker has held back."""
    home, product, before = bench.home, bench.product, bench.acted()

    def newest_event() -> tuple[object, object]:
        attributes = home.states()[FACE]["attributes"]
        return attributes.get("event_type"), attributes.get("time")

    listener = bench.listen("edge-emotion/bench/reading")
    try:
        product.show("face")
        wait_for(lambda: any("appeared" in payload for payload in listener.payloads("/reading")))
        bench.wait_for_action(before)
        product.show("empty")
        wait_for(lambda: newest_event()[0] == "left")
        before, stale_at = bench.acted(), time.monotonic() + STALE_S
        wait_for(lambda: time.monotonic() > stale_at)
        reading = next(payload for payload in listener.payloads("/reading") if "appeared" in payload)
        listener.publish("edge-emotion/bench/reading", reading)
        old = "appeared", json.loads(reading)["time"]
        wait_for(lambda: newest_event() == old)
    finally:
        listener.close()
    product.show("face")
    wait_for(lambda: newest_event()[0] == "appeared" and newest_event() != old)
    bench.wait_for_action(before)
    product.show("empty")
    wait_for(lambda: newest_event()[0] == "left")
    expected = {name: count + 1 for name, count in before.items()}
    assert bench.acted() == expected, f"expected {expected} actions, found {bench.acted()}"
    bench.note("one old reading, no action; a new face, one action of each automation")
    home.wait_for_state(FACES, "0")


def restart_of_home_assistant(bench: Bench) -> None:
    """After a restart of Home Assistant the product announces itself, even if the broker has lost the announcement."""
    home = bench.home
    entities = home.entities()
    acted = bench.acted()
    home.stop()
    listener = bench.listen("homeassistant/#")
    try:
        wait_for(lambda: listener.payloads("/config"))
        listener.publish("homeassistant/device/edge-emotion-bench/config", "", retain=True)
        listener.messages.clear()
        home.start()
        home.wait_for_state(FACES, "0")
        home.wait_for_state(CAMERA, "off")
        assert "online" in listener.payloads("homeassistant/status"), listener.messages
        assert any(listener.payloads("/config")), listener.messages
        topics = [topic.rpartition("/")[2] for topic, *_ in listener.messages]
    finally:
        listener.close()
    assert home.entities() == entities, home.entities() ^ entities
    assert bench.acted() == acted, f"expected no automation to act, found {acted}, then {bench.acted()}"
    bench.note(f"messages {' > '.join(dict.fromkeys(topics))}, {len(entities)} entities again")


def camera_picture(bench: Bench) -> None:
    """Home Assistant shows the page's picture and stream as cameras, with the page's token as password."""
    home, page = bench.home, bench.product.page_url
    login = {"username": "homeassistant", "password": TOKEN}
    bench.product.show("face")
    advanced = {"framerate": 2.0, "verify_ssl": True, "authentication": "basic"}
    still_url = f"{page}/snapshot.jpg?notice=1"
    picture = {"still_image_url": still_url, "advanced": advanced} | login
    step = home.add_integration("generic", picture, {"confirmed_ok": True})
    still = f"camera.{step['title'].replace('.', '_').lower()}"
    stream = {
        "name": "Stream",
        "mjpeg_url": f"{page}/stream.mjpeg",
        "still_image_url": still_url,
        "verify_ssl": True,
    } | login
    home.add_integration("mjpeg", stream)
    for entity in (still, "camera.stream"):
        wait_for(lambda entity=entity: home.state(entity) not in {None, UNAVAILABLE})
        image = home.get(f"/api/camera_proxy/{entity}", raw=True)
        assert image.startswith(JPEG), f"{entity}: expected a JPEG, found {image[:40]!r}"
        live = home.first_bytes(f"/api/camera_proxy_stream/{entity}", 20_000)
        assert JPEG in live, f"{entity}: expected a stream of JPEGs, found {live[:80]!r}"
        assert brightness(image) > DARK, entity
        bench.note(f"{entity}: a JPEG of {len(image)} bytes, and a stream")
    bench.product.show("gone")
    home.wait_for_state(CAMERA, "on")
    for entity in (still, "camera.stream"):
        wait_for(lambda entity=entity: brightness(home.get(f"/api/camera_proxy/{entity}", raw=True)) < DARK)
    live = home.first_bytes("/api/camera_proxy_stream/camera.stream", 20_000)
    assert brightness(live[live.index(JPEG) :]) < DARK, "expected the stream to show that the camera is lost"
    bench.note("without a camera both show the notice")
    bench.product.show("empty")
    home.wait_for_state(FACES, "0")


def brightness(image: bytes) -> float:
    """Return the mean value of a JPEG picture's pixels."""
    picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None, f"expected a JPEG, found {image[:40]!r}"
    return float(picture.mean())


def secured_broker(bench: Bench) -> None:
    """With the fleet's TLS, logins and access list everything works, and doctor and status name a wrong password."""
    home, product, hub = bench.home, bench.product, bench.hub
    entities, before = home.entities(), bench.acted()
    product.stop()
    hub.broker.start()
    login = {"broker": NAME, "port": hub.broker.port, "username": "homeassistant", "password": "homeassistant"}
    custom = login | {"set_ca_cert": "custom"}
    certificate = {"certificate": home.upload("authority.pem", hub.authority.read_bytes())}
    home.change_integration("mqtt", login | {"advanced_options": True}, custom, custom | certificate)
    product.set_password("wrong")
    product.configure(broker=hub.device_settings())
    refusal = f"expected {NAME}:{hub.broker.port} to let user bench in, found: "
    assert refusal in product.doctor(), product.doctor()
    product.start(broker=hub.device_settings())
    try:
        wait_for(lambda: refusal in product.status())
        product.set_password("camera")
        connected = f"{NAME}:{hub.broker.port} as bench, 0 readings wait"
        wait_for(lambda: connected in product.status())
        home.wait_for_state(FACES, "0")
        assert home.entities() == entities, home.entities() ^ entities
        product.show("face")
        home.wait_for_state(FACES, "1")
        bench.wait_for_action(before)
        product.show("empty")
        home.wait_for_state(FACES, "0")
    finally:
        product.stop()
    found = product.doctor()
    accepted = f"{NAME}:{hub.broker.port} accepts bench, as bench"
    assert accepted in found, found
    bench.note(f"status: {refusal}…, then {connected}; doctor: {accepted}")


CHECKS: tuple[Check, ...] = (
    device_and_entities,
    states_and_attributes,
    orderly_restart,
    crash,
    frozen_device,
    silent_device,
    lost_camera,
    change_of_classes,
    changed_while_off,
    removed_device,
    no_complaints,
    broker_outage,
    held_back_reading,
    restart_of_home_assistant,
    camera_picture,
    secured_broker,  # the last one: afterwards Home Assistant uses that broker
)
