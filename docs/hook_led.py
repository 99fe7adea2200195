"""Lights an LED on GPIO 17 for two seconds when a face appears happy or becomes happy: the program of docs/hook.md."""

import json
import sys

from gpiozero import LED

PIN = 17

event = json.load(sys.stdin)
if event["event"] in {"appeared", "changed"} and event["emotion"] == "happy":
    LED(PIN).blink(on_time=2, off_time=0, n=1, background=False)
