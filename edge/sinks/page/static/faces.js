// Lists the faces of the last ten minutes, newest first, each with its time line.

import { element } from "./overlay.js";

const KEEP_S = 600;
const MAX_ROWS = 10;

export class FaceList {
  #list;
  #run = "";
  #segments = new Map(); // face → start → { emotion, start, end }

  constructor(list) {
    this.#list = list;
  }

  get isEmpty() {
    return this.#segments.size === 0;
  }

  update({ run, now, faces, stretches }) {
    if (run !== this.#run) this.#segments.clear(); // a new process numbers its faces from one again
    this.#run = run;
    for (const [face, emotion, start, end] of stretches) {
      if (!this.#segments.has(face)) this.#segments.set(face, new Map());
      this.#segments.get(face).set(start, { emotion, start, end });
    }
    for (const [face, ofFace] of this.#segments) {
      for (const [start, { end }] of ofFace) if (now - end > KEEP_S) ofFace.delete(start);
      if (ofFace.size === 0) this.#segments.delete(face);
    }
    this.#draw(now, new Map((faces ?? []).map((face) => [face.face, face])));
  }

  #draw(now, present) {
    const newest = [...this.#segments.keys()].sort((a, b) => present.has(b) - present.has(a) || b - a).slice(0, MAX_ROWS);
    const rows = new Map([...this.#list.children].map((row) => [Number(row.dataset.face), row]));
    this.#list.replaceChildren(
      ...newest.map((face) => {
        const row = rows.get(face) ?? makeRow(face);
        const ofFace = [...this.#segments.get(face).values()];
        drawReading(row, face, present.get(face), now - ofFace.at(-1).end);
        drawTimeline(row.querySelector("svg"), face, ofFace, now);
        return row;
      }),
    );
  }
}

function makeRow(face) {
  const row = document.createElement("li");
  row.dataset.face = face;
  const reading = Object.assign(document.createElement("p"), { className: "reading" });
  const meter = Object.assign(document.createElement("span"), { className: "meter" });
  meter.setAttribute("aria-hidden", "true");
  meter.append(document.createElement("i"));
  reading.append(document.createElement("b"), meter, document.createElement("span"));
  row.append(reading, element("svg", { viewBox: `0 0 ${KEEP_S} 1`, preserveAspectRatio: "none", role: "img" }));
  return row;
}

function drawReading(row, face, current, goneForS) {
  const [name, meter, label] = row.firstChild.children;
  name.textContent = `Face ${face}`;
  meter.hidden = !current;
  label.className = current ? "" : "gone";
  if (!current) {
    label.textContent = goneForS < 60 ? "left a moment ago" : `left ${Math.round(goneForS / 60)} min ago`;
    return;
  }
  const { emotion, confidence, unclear } = current;
  meter.firstChild.className = emotion;
  meter.firstChild.style.width = `${Math.round(confidence * 100)}%`;
  label.textContent = unclear === null ? `${emotion} ${Math.round(confidence * 100)}%` : `${emotion}? ${unclear}`;
}

function drawTimeline(svg, face, ofFace, now) {
  const seconds = {};
  svg.replaceChildren(
    ...ofFace.map(({ emotion, start, end }) => {
      const from = Math.max(start, now - KEEP_S);
      seconds[emotion] = (seconds[emotion] ?? 0) + end - from;
      const place = { x: KEEP_S - (now - from), y: 0, width: Math.max(end - from, 1), height: 1 };
      return element("rect", { class: emotion, ...place });
    }),
  );
  const total = Math.max(Object.values(seconds).reduce((sum, value) => sum + value, 0), 1e-9);
  const shares = Object.entries(seconds).sort((a, b) => b[1] - a[1]);
  const text = shares.map(([emotion, value]) => `${emotion} ${Math.round((100 * value) / total)}%`);
  svg.setAttribute("aria-label", `Face ${face} in the last ten minutes: ${text.join(", ")}`);
}
