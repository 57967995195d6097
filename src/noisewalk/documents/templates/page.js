"use strict";
const still = matchMedia("(prefers-reduced-motion: reduce)");
const data = (element, name) => JSON.parse(element.dataset[name]);
const ready = (src, then) => { const image = new Image(); image.onload = () => then(image); image.src = src; };
const all = (selector, made) => document.querySelectorAll(selector).forEach(made);

/* Enlarge any picture. */
const enlarged = document.querySelector("#enlarged");
all(".zoom", button => button.addEventListener("click", () => {
  const from = button.querySelector("img"), to = enlarged.querySelector("img");
  to.src = from.src; to.alt = from.alt; to.className = from.className;
  enlarged.querySelector("p").textContent = from.alt;
  enlarged.showModal();
}));
enlarged.addEventListener("click", () => enlarged.close());

/* Copy a command or the Python of it. */
all("[data-copy]", button => button.addEventListener("click", async () => {
  const said = button.textContent;
  try { await navigator.clipboard.writeText(button.dataset.copy); } catch {
    const area = document.createElement("textarea");
    area.value = button.dataset.copy; document.body.append(area); area.select(); document.execCommand("copy"); area.remove(); }
  button.textContent = "copied"; setTimeout(() => { button.textContent = said; }, 1200);
}));

/* A slider over the columns of a strip: steps of a walk, or levels of noise. */
all(".strip", strip => {
  const { width, height, rows, frames, difference } = data(strip, "strip");
  const range = strip.querySelector("input"), said = strip.querySelector("output");
  const canvases = [...strip.querySelectorAll("canvas")];
  let image = null;
  const pixels = (column, row) => {
    const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d");
    pen.drawImage(image, -column * width, -row * height);
    return pen.getImageData(0, 0, width, height);
  };
  const draw = () => {
    const at = Number(range.value);
    rows.forEach((name, row) => {
      canvases[row].getContext("2d").drawImage(image, at * width, row * height, width, height, 0, 0, width, height);
      canvases[row].setAttribute("aria-label", `${name}, ${frames[at]}`);
    });
    let rest = "";
    if (difference) {
      const here = pixels(at, 1), end = pixels(frames.length - 1, 1);
      let sum = 0;
      for (let i = 0; i < here.data.length; i += 4) {
        let apart = 0;
        for (let c = 0; c < 3; c++) { const d = here.data[i + c] - end.data[i + c]; apart = Math.max(apart, Math.abs(d)); sum += d * d; }
        here.data[i] = here.data[i + 1] = here.data[i + 2] = Math.min(255, 2 * apart);
      }
      canvases[rows.length].getContext("2d").putImageData(here, 0, 0);
      rest = `; ${(Math.sqrt(sum / (0.75 * here.data.length)) / 255).toFixed(3)} rms from the end`;
      canvases[rows.length].setAttribute("aria-label", `difference to the end${rest}`);
    }
    said.textContent = frames[at] + rest;
    range.setAttribute("aria-valuetext", said.textContent);
  };
  const open = () => { if (!image) ready(strip.dataset.src, loaded => { image = loaded; draw(); }); };
  const around = strip.closest("details");
  if (around && !around.open) around.addEventListener("toggle", open, { once: true }); else open();
  range.addEventListener("input", () => image && draw());
});

/* Anagrams: every piece of a view goes straight to where it is seen, and turns about its own middle. */
const ease = t => (1 - Math.cos(Math.PI * t)) / 2;
function partly([a, b, c, d], s) { // rows: [a b; c d], on (row, column)
  if (a * d - b * c > 0) { const w = s * Math.atan2(c, a); return [Math.cos(w), -Math.sin(w), Math.sin(w), Math.cos(w)]; }
  return [1 - s + s * a, s * b, s * c, 1 - s + s * d]; // turned over, like a card
}
function cut(image, look, width, height) {
  if (!look.piece) return [{ image, left: 0, top: 0 }];
  const bytes = Uint8Array.from(atob(look.piece), c => c.charCodeAt(0));
  const of = i => bytes[2 * i] + 256 * bytes[2 * i + 1];
  const boxes = look.pieces.map(() => [width, height, 0, 0]);
  for (let i = 0; i < width * height; i++) {
    const box = boxes[of(i)], x = i % width, y = (i / width) | 0;
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y); box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  }
  const whole = new OffscreenCanvas(width, height), pen = whole.getContext("2d");
  pen.drawImage(image, 0, 0);
  const from = pen.getImageData(0, 0, width, height).data;
  return boxes.map(([left, top, right, bottom], k) => {
    const wide = right - left + 1, high = bottom - top + 1, canvas = new OffscreenCanvas(wide, high), own = canvas.getContext("2d");
    const part = own.createImageData(wide, high);
    for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
      const i = (top + y) * width + left + x;
      if (of(i) === k) part.data.set(from.subarray(4 * i, 4 * i + 4), 4 * (y * wide + x));
    }
    own.putImageData(part, 0, 0);
    return { image: canvas, left, top };
  });
}
all(".turn", button => {
  const { looks } = data(button, "turn"), canvas = button.querySelector("canvas"), said = button.parentNode.querySelector("output");
  const pen = canvas.getContext("2d");
  let at = 0, moving = 0, width = 0, height = 0, cuts = [];
  const draw = (number, s) => {
    const scale = canvas.width / (1.44 * Math.max(width, height));
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    const look = looks[number];
    look.pieces.forEach((piece, k) => {
      const [row, column, down, right] = piece, [a, b, c, d] = partly(piece.slice(4), s);
      const x = (column + s * right + 0.5 - width / 2) * scale + canvas.width / 2;
      const y = (row + s * down + 0.5 - height / 2) * scale + canvas.height / 2;
      cuts[number].forEach((parts, layer) => {
        const { image, left, top } = parts[k];
        pen.globalAlpha = layer ? s : 1;
        pen.setTransform(d * scale, b * scale, c * scale, a * scale, x, y);
        pen.drawImage(image, left - column - 0.5, top - row - 0.5);
      });
    });
    pen.globalAlpha = 1;
  };
  const tell = () => {
    const next = looks[(at + 1) % looks.length];
    said.textContent = `${looks[at].name}: ${looks[at].prompt}`;
    button.setAttribute("aria-label", `${said.textContent}. Press to see it ${next.name}: ${next.prompt}`);
  };
  const go = to => {
    if (to === at || !cuts.length) return;
    cancelAnimationFrame(moving);
    const from = at, began = performance.now(), long = still.matches ? 0 : 700;
    const legs = [[from, 1, 0], [to, 0, 1]].filter(([number]) => number);
    const frame = now => {
      const t = long ? (now - began) / long : legs.length, leg = legs[Math.min(legs.length - 1, Math.floor(t))];
      const s = t >= legs.length ? leg[2] : leg[1] + (leg[2] - leg[1]) * ease(t % 1);
      draw(leg[0], s);
      if (t < legs.length) moving = requestAnimationFrame(frame);
    };
    at = to; tell(); frame(began);
  };
  ready(button.dataset.src, image => {
    width = image.width; height = image.height;
    Promise.all(looks.map(look => look.src ? new Promise(done => ready(look.src, done)) : null)).then(faded => {
      cuts = looks.map((look, i) => [cut(image, look, width, height), ...(faded[i] ? [cut(faded[i], look, width, height)] : [])]);
      draw(0, 1); tell();
    });
  });
  button.addEventListener("click", () => go((at + 1) % looks.length));
  button.addEventListener("pointerenter", event => { if (event.pointerType === "mouse") go(1 % looks.length); });
  button.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") go(0); });
});

/* Hybrids: go away from the picture. */
all(".distance", box => {
  const range = box.querySelector("input"), said = box.querySelector("output"), { near, far } = data(box, "prompts");
  const tell = () => {
    const away = Number(range.value);
    box.style.setProperty("--scale", 1 / away);
    said.textContent = away < 3 ? `near: ${near}` : `from ${away} times as far: ${far}`;
    range.setAttribute("aria-valuetext", said.textContent);
  };
  range.addEventListener("input", tell); tell();
});

/* Before and after. */
all(".compare", box => {
  const range = box.querySelector("input"), choice = box.querySelector("select"), [before, after] = box.querySelectorAll(".pair img");
  const list = data(box, "after"), pair = box.querySelector(".pair");
  const show = () => { const one = list[choice ? choice.selectedIndex : 0]; after.src = one.src; after.alt = one.alt; };
  before.addEventListener("load", () => pair.style.setProperty("--shape", before.naturalWidth / before.naturalHeight));
  if (before.complete) pair.style.setProperty("--shape", before.naturalWidth / before.naturalHeight);
  range.addEventListener("input", () => {
    pair.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % of the picture before, the rest after`);
  });
  choice?.addEventListener("change", show);
});
