// Draws a picture, and over each face its box, name and confidence bar.

const TEXT_PX = 14; // on the screen, however large the picture is shown
const BAR_PX = 7;

export function drawShot(canvas, svg, shot, image) {
  const width = image?.width ?? shot.width;
  const height = image?.height ?? shot.height;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (image) {
    context.drawImage(image, 0, 0);
    image.close();
  } else {
    context.clearRect(0, 0, width, height);
  }
  svg.setAttribute("viewBox", `0 0 ${shot.width} ${shot.height}`);
  const unit = shot.width / svg.clientWidth; // px of the frame for one of the screen
  svg.replaceChildren(...shot.faces.map(() => element("g", {})));
  shot.faces.forEach((face, index) => drawFace(svg.children[index], face, shot, unit));
}

function drawFace(group, { emotion, confidence, unclear, box: [x, y, width, height] }, shot, unit) {
  group.setAttribute("class", emotion);
  const barHeight = BAR_PX * unit;
  const barTop = Math.min(y + height, shot.height - barHeight);
  const words = unclear === null ? `${emotion} ${Math.round(confidence * 100)}%` : `${emotion}? ${unclear}`;
  const text = element("text", { "font-size": TEXT_PX * unit });
  text.textContent = words;
  group.append(
    element("rect", { class: "under", x, y, width, height }),
    element("rect", { class: "box", x, y, width, height }),
    element("rect", { class: "trough", x, y: barTop, width, height: barHeight }),
    element("rect", { class: "bar", x, y: barTop, width: width * confidence, height: barHeight }),
    text,
  );
  const margin = 5 * unit;
  const wide = text.getComputedTextLength() + 2 * margin;
  const high = (TEXT_PX + 6) * unit;
  const left = Math.max(0, Math.min(x, shot.width - wide));
  const top = Math.max(0, y - high);
  group.insertBefore(element("rect", { class: "ground", x: left, y: top, width: wide, height: high }), text);
  text.setAttribute("x", left + margin);
  text.setAttribute("y", top + high - 6 * unit);
}

export function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
