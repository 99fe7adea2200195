// The page's own code; no other is loaded. It asks for pictures one by one, and listens to what is told of the run.

import { drawShot } from "./overlay.js";
import { FaceList } from "./faces.js";

const SILENT_MS = 3000; // without an event for so long the server is gone
const SAY_EVERY_MS = 4000; // a screen reader is not flooded

const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const watcher = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const faces = new FaceList(at("faces"));

let wanted = true; // the video, by its button
let round = 0; // each start of the video ends the one before
let refused = ""; // why no picture comes, though the camera is well
let told = { at: 0, status: null, spoken: "", spokenAt: 0 };

// ---- video

async function watch() {
  const mine = (round += 1);
  let number = 0;
  while (wanted && !document.hidden && mine === round) {
    try {
      const answer = await fetch(`/frame?watcher=${watcher}&after=${number}`);
      if (answer.status === 401) return location.reload();
      refused = answer.ok ? "" : await answer.text();
      if (answer.status === 200) {
        const shot = JSON.parse(answer.headers.get("X-Shot"));
        const content = await answer.blob();
        const image = content.size ? await createImageBitmap(content) : null;
        if (mine !== round || !wanted) return;
        number = shot.number;
        drawShot(at("picture"), at("boxes"), shot, image);
      } else if (!answer.ok) {
        await wait(5000);
      }
    } catch {
      await wait(1000); // the server is gone, and tried again
    }
  }
}

at("toggle").addEventListener("click", () => {
  wanted = !wanted;
  at("toggle").textContent = wanted ? "Stop the video" : "Start the video";
  refused = "";
  show();
  watch();
});
document.addEventListener("visibilitychange", watch); // a page that nobody sees asks for nothing
watch();

// ---- what is told

function listen() {
  const events = new EventSource("/events");
  events.onmessage = (event) => take(JSON.parse(event.data));
  events.onerror = async () => {
    if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const answer = await fetch("/status").catch(() => null);
    if (answer?.status === 401) return location.reload();
    await wait(3000);
    listen();
  };
}

function take(news) {
  told.at = performance.now();
  told.status = news.status;
  faces.update(news);
  at("nobody").hidden = !faces.isEmpty;
  at("axis").hidden = faces.isEmpty;
  count(news);
  speak(news.faces);
  show();
}

function show() {
  const { status } = told;
  const isSilent = performance.now() - told.at > SILENT_MS;
  const state = isSilent ? (status ? "no connection" : "connecting") : status.state;
  const isWell = state === "running";
  write(at("state"), state);
  at("state").classList.toggle("bad", !isWell && state !== "connecting");
  write(at("source"), status?.source ?? "");
  let words = isWell ? refused : "";
  if (isSilent && status) words = "The page's server does not answer. Trying again.";
  else if (state === "camera lost") words = `Camera lost: ${status.camera_error}. Trying again in ${Math.ceil(status.retry_in_s)} s.`;
  else if (state === "stalled") words = "No frame comes from the camera.";
  else if (isWell && !wanted) words = "The video is stopped.";
  tell(at("notice"), words);
  at("stage").classList.toggle("old", words !== "");
  if (words !== "") at("boxes").replaceChildren();
  const faults = (status?.sinks ?? []).filter((sink) => sink.error).map((sink) => `${sink.name}: ${sink.error}`);
  if (status?.log_error) faults.push(`log: ${status.log_error}`);
  tell(at("fault"), faults.join("; "));
}

setInterval(show, 1000);
listen();

function tell(element, words) {
  element.hidden = words === "";
  write(element, words);
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words; // said once by a screen reader, not each time
}

function speak(list) {
  const words = list.map((face) => `face ${face.face} ${face.emotion}`).join(", ") || "no face";
  if (words === told.spoken || performance.now() - told.spokenAt < SAY_EVERY_MS) return;
  told.spoken = words;
  told.spokenAt = performance.now();
  at("spoken").textContent = words;
}

// ---- counters

function count({ status, watchers }) {
  const ms = (value) => (value === null ? "–" : `${value.toFixed(1)} ms`);
  const heat = status.temperature_c === null ? "not told" : `${status.temperature_c.toFixed(0)} °C`;
  const counters = {
    Camera: `${status.camera_fps.toFixed(1)} frames/s`,
    Processed: `${status.fps.toFixed(1)} frames/s`,
    Latency: ms(status.latency_ms_p50),
    "Latency, 95 %": ms(status.latency_ms_p95),
    "Frames dropped": String(status.dropped + status.undelivered),
    Temperature: [heat, ...(status.throttled ?? [])].join(", "),
    "Camera re-opened": `${status.reopens} times`,
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
  Object.values(counters).forEach((words, index) => write(list.children[index].lastChild, words));
}
