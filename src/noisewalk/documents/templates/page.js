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

/* Anagrams turn by turning.js. */
all(".turn", button => {
  const { looks } = data(button, "turn"), canvas = button.querySelector("canvas"), said = button.parentNode.querySelector("output");
  let at = 0, moving = 0, width = 0, height = 0, cuts = [];
  const draw = (number, s) => noisewalkTurned(canvas, looks[number], cuts[number], width, height, s);
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
      const s = t >= legs.length ? leg[2] : leg[1] + (leg[2] - leg[1]) * noisewalkEase(t % 1);
      draw(leg[0], s);
      if (t < legs.length) moving = requestAnimationFrame(frame);
    };
    at = to; tell(); frame(began);
  };
  ready(button.dataset.src, image => {
    width = image.width; height = image.height;
    Promise.all(looks.map(look => look.src ? new Promise(done => ready(look.src, done)) : null)).then(faded => {
      cuts = looks.map((look, i) => [image, ...(faded[i] ? [faded[i]] : [])].map(each => noisewalkCut(each, look, width, height)));
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
