// Draws a video frame, and over each face its box, label and confidence bar.

const TEXT_PX = 14; // on the screen, whatever the size of the picture
const BAR_PX = 7;

export function drawFrame(canvas, svg, info, image) {
  const width = image?.width ?? info.width;
  const height = image?.height ?? info.height;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (image) {
    context.drawImage(image, 0, 0);
    image.close();
  } else {
    context.clearRect(0, 0, width, height);
  }
  svg.setAttribute("viewBox", `0 0 ${info.width} ${info.height}`);
  const unit = info.width / svg.clientWidth; // frame px per screen px
  svg.replaceChildren(...info.faces.map(() => element("g", {})));
  info.faces.forEach((face, index) => drawFace(svg.children[index], face, info, unit));
}

function drawFace(group, { emotion, confidence, unclear, box: [x, y, width, height] }, info, unit) {
  group.setAttribute("class", emotion);
  const barHeight = BAR_PX * unit;
  const barTop = Math.min(y + height, info.height - barHeight);
  const text = element("text", { "font-size": TEXT_PX * unit });
  text.textContent = unclear === null ? `${emotion} ${Math.round(confidence * 100)}%` : `${emotion}? ${unclear}`;
  group.append(
    element("rect", { class: "under", x, y, width, height }),
    element("rect", { class: "box", x, y, width, height }),
    element("rect", { class: "trough", x, y: barTop, width, height: barHeight }),
    element("rect", { class: "bar", x, y: barTop, width: width * confidence, height: barHeight }),
    text,
  );
  const margin = 5 * unit;
  const labelWidth = text.getComputedTextLength() + 2 * margin;
  const labelHeight = (TEXT_PX + 6) * unit;
  const left = Math.max(0, Math.min(x, info.width - labelWidth));
  const top = Math.max(0, y - labelHeight);
  const ground = { class: "ground", x: left, y: top, width: labelWidth, height: labelHeight };
  group.insertBefore(element("rect", ground), text);
  text.setAttribute("x", left + margin);
  text.setAttribute("y", top + labelHeight - 6 * unit);
}

export function element(name, attributes) {
  const created = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
