// Lists the faces of the last ten minutes, the newest first, each with its time line.

import { element } from "./overlay.js";

const KEEP_S = 600;
const MOST = 10; // rows

export class FaceList {
  #list;
  #run = "";
  #stretches = new Map(); // face → start → { emotion, start, end }

  constructor(list) {
    this.#list = list;
  }

  get isEmpty() {
    return this.#stretches.size === 0;
  }

  update({ run, now, faces, stretches }) {
    if (run !== this.#run) this.#stretches.clear(); // another process counts its faces from one again
    this.#run = run;
    for (const [face, emotion, start, end] of stretches) {
      if (!this.#stretches.has(face)) this.#stretches.set(face, new Map());
      this.#stretches.get(face).set(start, { emotion, start, end });
    }
    for (const [face, ofFace] of this.#stretches) {
      for (const [start, { end }] of ofFace) if (now - end > KEEP_S) ofFace.delete(start);
      if (ofFace.size === 0) this.#stretches.delete(face);
    }
    this.#draw(now, new Map(faces.map((face) => [face.face, face])));
  }

  #draw(now, present) {
    const newest = [...this.#stretches.keys()].sort((a, b) => present.has(b) - present.has(a) || b - a).slice(0, MOST);
    const rows = new Map([...this.#list.children].map((row) => [Number(row.dataset.face), row]));
    this.#list.replaceChildren(
      ...newest.map((face) => {
        const row = rows.get(face) ?? makeRow(face);
        const ofFace = [...this.#stretches.get(face).values()];
        drawSaid(row, face, present.get(face), now - ofFace.at(-1).end);
        drawLane(row.querySelector("svg"), face, ofFace, now);
        return row;
      }),
    );
  }
}

function makeRow(face) {
  const row = document.createElement("li");
  row.dataset.face = face;
  const said = Object.assign(document.createElement("p"), { className: "said" });
  const meter = Object.assign(document.createElement("span"), { className: "meter" });
  meter.setAttribute("aria-hidden", "true");
  meter.append(document.createElement("i"));
  said.append(document.createElement("b"), meter, document.createElement("span"));
  row.append(said, element("svg", { viewBox: `0 0 ${KEEP_S} 1`, preserveAspectRatio: "none", role: "img" }));
  return row;
}

function drawSaid(row, face, now, goneForS) {
  const [name, meter, words] = row.firstChild.children;
  name.textContent = `Face ${face}`;
  meter.hidden = !now;
  words.className = now ? "" : "gone";
  if (!now) {
    words.textContent = goneForS < 60 ? "left a moment ago" : `left ${Math.round(goneForS / 60)} min ago`;
    return;
  }
  meter.firstChild.className = now.emotion;
  meter.firstChild.style.width = `${Math.round(now.confidence * 100)}%`;
  words.textContent = now.unclear === null ? `${now.emotion} ${Math.round(now.confidence * 100)}%` : `${now.emotion}? ${now.unclear}`;
}

function drawLane(svg, face, ofFace, now) {
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
  const words = shares.map(([emotion, value]) => `${emotion} ${Math.round((100 * value) / total)}%`);
  svg.setAttribute("aria-label", `Face ${face} in the last ten minutes: ${words.join(", ")}`);
}
