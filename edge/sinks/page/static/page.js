// The page's main module: requests video frames one by one, and shows the server-sent events.

import { drawFrame } from "./overlay.js";
import { FaceList } from "./faces.js";

const SILENT_MS = 3000; // without an event for this long the server is considered gone
const ANNOUNCE_EVERY_MS = 4000; // limits how often a screen reader speaks

const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const viewer = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const faces = new FaceList(at("faces"));

let playing = sessionStorage.getItem("stopped") === null; // toggled by the button
let generation = 0; // a new polling loop ends the one before it
let refusal = ""; // why the server sends no frames although the camera works
let last = { eventAt: 0, status: null, spoken: "", spokenAt: 0 };

// ---- video

async function play() {
  const mine = (generation += 1);
  let number = 0;
  while (playing && !document.hidden && mine === generation) {
    try {
      const response = await fetch(`/frame?watcher=${viewer}&after=${number}`);
      if (response.status === 401) return location.reload();
      refusal = response.ok ? "" : await response.text();
      if (response.status === 200) {
        const info = JSON.parse(response.headers.get("X-Shot"));
        const content = await response.blob();
        const image = content.size ? await createImageBitmap(content) : null;
        if (mine !== generation || !playing) return;
        number = info.number;
        drawFrame(at("picture"), at("boxes"), info, image);
      } else if (!response.ok) {
        await wait(5000);
      }
    } catch {
      await wait(1000); // the server is gone: retry
    }
  }
}

function labelToggle() {
  at("toggle").textContent = playing ? "Stop the video" : "Start the video";
}

at("toggle").addEventListener("click", () => {
  playing = !playing;
  if (playing) sessionStorage.removeItem("stopped");
  else sessionStorage.setItem("stopped", ""); // also for the page that replaces this one
  labelToggle();
  refusal = "";
  render();
  play();
});
document.addEventListener("visibilitychange", play); // a hidden page requests no frames
labelToggle();
play();

// ---- events

function listen() {
  const events = new EventSource("/events");
  events.onmessage = (event) => handle(JSON.parse(event.data));
  events.onerror = async () => {
    if (events.readyState !== EventSource.CLOSED) return; // the browser reconnects by itself
    const response = await fetch("/status").catch(() => null);
    if (response?.status === 401) return location.reload();
    await wait(3000);
    listen();
  };
}

function handle(event) {
  if (event.page !== document.body.dataset.version && event.page !== sessionStorage.getItem("version")) {
    sessionStorage.setItem("version", event.page); // once for each version, even if the server sends an old page
    return location.reload(); // the program or its settings have changed: classes, colours, what the picture shows
  }
  last.eventAt = performance.now();
  last.status = event.status;
  faces.update(event);
  at("nobody").hidden = !faces.isEmpty;
  at("axis").hidden = faces.isEmpty;
  renderCounters(event);
  if (event.faces) announce(event.faces);
  render();
}

function describeSource({ source, rotation, rotation_found: isFound }) {
  return rotation ? `${source}, turned by ${rotation}°${isFound ? ", found automatically" : ""}` : source;
}

function render() {
  const { status } = last;
  const isSilent = performance.now() - last.eventAt > SILENT_MS;
  const state = isSilent ? (status ? "no connection" : "connecting") : status.state;
  const isRunning = state === "running";
  setText(at("state"), state);
  at("state").classList.toggle("bad", !isRunning && state !== "connecting");
  setText(at("source"), status ? describeSource(status) : "");
  let notice = isRunning ? refusal : "";
  if (isSilent && status) notice = "The server does not respond. Trying again.";
  else if (state === "camera lost") notice = `Camera lost: ${status.camera_error}. Trying again in ${Math.ceil(status.retry_in_s)} s.`;
  else if (state === "bad picture") notice = `No face can be seen: ${status.camera_error}`;
  else if (state === "stalled") notice = "The camera delivers no frames.";
  else if (isRunning && !playing) notice = "The video is stopped.";
  showText(at("notice"), notice);
  at("stage").classList.toggle("old", notice !== "");
  if (notice !== "") at("boxes").replaceChildren();
  const faults = (status?.sinks ?? []).filter((sink) => sink.error).map((sink) => `${sink.name}: ${sink.error}`);
  if (status?.log_error) faults.push(`log: ${status.log_error}`);
  showText(at("fault"), faults.join("; "));
}

setInterval(render, 1000);
listen();

function showText(element, text) {
  element.hidden = text === "";
  setText(element, text);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // a screen reader repeats text that is set again
}

function announce(list) {
  const text = list.map((face) => `face ${face.face} ${face.emotion}`).join(", ") || "no face";
  if (text === last.spoken || performance.now() - last.spokenAt < ANNOUNCE_EVERY_MS) return;
  last.spoken = text;
  last.spokenAt = performance.now();
  at("spoken").textContent = text;
}

// ---- counters

function renderCounters({ status, watchers }) {
  const known = (value, digits, unit) => (value === null ? "unknown" : `${value.toFixed(digits)} ${unit}`);
  const counters = {
    Faces: status.faces === null ? "unknown" : String(status.faces),
    Camera: known(status.camera_fps, 1, "frames/s"),
    Processed: known(status.fps, 1, "frames/s"),
    Latency: known(status.latency_ms_p50, 1, "ms"),
    "Latency, 95 %": known(status.latency_ms_p95, 1, "ms"),
    "Frames dropped": String(status.dropped + status.undelivered),
    Temperature: [known(status.temperature_c, 0, "°C"), ...(status.throttled ?? [])].join(", "),
    "Camera reopened": `${status.reopens} times`,
    Watching: `${watchers} of ${document.body.dataset.watchers}`,
  };
  const list = at("counters");
  if (list.childElementCount === 0) {
    for (const name of Object.keys(counters)) {
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: name }), document.createElement("dd"));
      list.append(pair);
    }
  }
  Object.values(counters).forEach((text, index) => setText(list.children[index].lastChild, text));
}
