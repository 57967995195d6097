// Shows a walk while it is made, and everything about it afterwards. Its value is the JSON of views.py.
const noisewalkDom = (tag, attributes = {}, ...inside) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
};
const noisewalkLoaded = (src) => new Promise((done) => { const image = new Image(); image.onload = () => done(image); image.src = src; });
const noisewalkPicture = (url, caption) => noisewalkDom("figure", {}, noisewalkDom("img", { src: url, alt: caption }), noisewalkDom("figcaption", {}, caption));

// One frame of a sheet of frames, on a canvas.
function noisewalkFrame(sheet, label) {
  const canvas = noisewalkDom("canvas", { width: sheet.width, height: sheet.height, role: "img", "aria-label": label });
  const image = new Image();
  let now = sheet.count - 1;
  const draw = () => {
    const column = now % sheet.columns, row = Math.floor(now / sheet.columns);
    canvas.getContext("2d").drawImage(image, column * sheet.width, row * sheet.height, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height);
  };
  image.onload = draw;
  image.src = sheet.url;
  return { canvas, at: (i) => { now = i; draw(); } };
}

function noisewalkViewer(element, props, trigger, watch) {
  const dom = noisewalkDom, root = element.querySelector(".nw");
  const status = dom("p", { class: "nw-say", role: "status", "aria-live": "polite" });
  const bar = dom("progress", { max: "1", value: "0", "aria-label": "Progress" });
  const live = dom("div", { class: "nw-live" }), after = dom("div", { class: "nw-after" });
  const xt = dom("img", { alt: "x_t, the noisy picture" }), x0 = dom("img", { alt: "x0, what the model expects" });
  live.append(dom("figure", {}, xt, dom("figcaption", {}, "x_t (now)")), dom("figure", {}, x0, dom("figcaption", {}, "x0 (expected)")));
  root.classList.add("nw-viewer");
  root.replaceChildren(status, bar, live, after);
  live.hidden = bar.hidden = true;
  let entered = "", timer = null;

  const terms = (name) => {
    const tab = element.closest(".technique");
    tab?.querySelectorAll("[data-term]").forEach((each) => each.classList.toggle("now", each.dataset.term === name));
    return tab;
  };
  const teach = (value) => { // the terms of the equation, in the order in which a step reaches them
    const tab = element.closest(".technique"), line = tab?.querySelector(".nw-now");
    if (!line) return;
    clearTimeout(timer);
    const { alpha, sigma } = value.level;
    const parts = [["level", `level: alpha ${alpha.toFixed(3)}, sigma ${sigma.toFixed(3)}`], ["prediction", "prediction: x0 = E[x0 | x_t]"], ["step", `step ${value.step}: x_t moves to the next level`]];
    const next = (i) => {
      if (i === parts.length) return;
      terms(parts[i][0]);
      line.textContent = parts[i][1];
      timer = setTimeout(() => next(i + 1), value.pace || 40);
    };
    next(0);
  };
  const still = () => { clearTimeout(timer); terms(""); const line = element.closest(".technique")?.querySelector(".nw-now"); if (line) line.textContent = ""; };

  const slider = (label, count, action) => {
    const range = dom("input", { type: "range", min: "0", max: String(count - 1), value: String(count - 1), "aria-label": label });
    range.addEventListener("input", () => action(Number(range.value)));
    return range;
  };
  const scrubber = (walk, i, { length }) => {
    const open = length === 1;
    const frames = [noisewalkFrame(walk.xt, "x_t at this step"), noisewalkFrame(walk.x0, "x0 at this step")];
    const text = dom("output", { class: "nw-say" });
    const go = (i) => {
      frames.forEach((frame) => frame.at(i));
      const at = walk.levels[i];
      text.textContent = `step ${at.step} of ${walk.levels[walk.levels.length - 1].step}: alpha ${at.alpha.toFixed(3)}, sigma ${at.sigma.toFixed(3)}`;
      teach({ level: at, step: at.step, pace: 250 });
    };
    const range = slider(`Step of ${walk.label}`, walk.levels.length, go);
    const made = dom("details", { class: "nw-scrub", ...(open ? { open: "" } : {}) }, dom("summary", {}, `All steps: ${walk.label}`), dom("div", { class: "nw-live" }, ...frames.map((f, i) => dom("figure", {}, f.canvas, dom("figcaption", {}, i ? "x0" : "x_t")))), range, text);
    const last = walk.levels[walk.levels.length - 1];
    text.textContent = `step ${last.step} of ${last.step}; move the slider`;
    return made;
  };
  const turning = ({ src, looks }) => looks.map((look) => {
    const canvas = dom("canvas", { width: 416, height: 416, role: "img", "aria-label": `The picture seen through ${look.name}` });
    const range = dom("input", { type: "range", min: "0", max: "100", value: "0", "aria-label": `How far the picture is turned: ${look.name}` });
    const turn = dom("button", { type: "button", class: "nw-turn" }, "Turn");
    let draw = () => {}, moving = 0;
    Promise.all([src, ...(look.src ? [look.src] : [])].map(noisewalkLoaded)).then((images) => {
      const { width, height } = images[0], cuts = images.map((image) => noisewalkCut(image, look, width, height));
      draw = () => noisewalkTurned(canvas, look, cuts, width, height, noisewalkEase(range.value / 100));
      draw();
    });
    range.addEventListener("input", () => { cancelAnimationFrame(moving); draw(); });
    turn.addEventListener("click", () => {
      cancelAnimationFrame(moving);
      const from = Number(range.value), to = from > 50 ? 0 : 100, began = performance.now();
      const long = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 900;
      const frame = (now) => {
        const share = long ? Math.min(1, (now - began) / long) : 1;
        range.value = String(from + (to - from) * share);
        draw();
        if (share < 1) moving = requestAnimationFrame(frame);
      };
      moving = requestAnimationFrame(frame);
    });
    return dom("section", { class: "nw-turning" }, dom("h3", {}, `${look.name}: ${look.prompt}`), canvas, range, turn);
  });
  const distance = (url) => {
    const image = dom("img", { src: url, alt: "The hybrid image at this distance", class: "nw-far" });
    const range = dom("input", { type: "range", min: "0", max: "100", value: "0", "aria-label": "Viewing distance" });
    range.addEventListener("input", () => {
      image.style.width = `${320 * 0.1 ** (range.value / 100)}px`;
      image.classList.toggle("nw-smooth", range.value > 0);
    });
    return dom("section", { class: "nw-distance" }, dom("h3", {}, "Viewing distance: near to far"), dom("div", { class: "nw-room" }, image), range);
  };

  const words = (value) => {
    if (value.phase === "walking") return `${value.label}: step ${value.done} of ${value.total}, ${value.calls} network calls, about ${value.left} s left`;
    if (value.phase === "done") return `Done in ${value.seconds} s with ${value.calls} network calls`;
    return value.phase ? value.message || "" : "Press Run, and watch the walk here.";
  };
  const draw = () => {
    const value = props.value || {};
    status.textContent = words(value);
    root.dataset.phase = value.phase || "idle";
    if (value.phase === "waiting") { after.replaceChildren(); still(); return; }
    if (value.phase === "walking") {
      live.hidden = bar.hidden = false;
      after.replaceChildren();
      xt.src = value.xt; x0.src = value.x0;
      bar.value = value.done / value.total;
      root.dataset.previews = String(Number(root.dataset.previews || 0) + 1);
      teach(value);
      return;
    }
    still();
    bar.hidden = true;
    if (!value.shown) return;
    const text = JSON.stringify(value.entries.map((each) => each.png.length + each.command)) + value.seconds;
    if (text === entered) return;
    entered = text;
    live.hidden = true;
    after.replaceChildren(
      dom("div", { class: "nw-shown" }, ...value.shown.map((each) => noisewalkPicture(each.url, each.caption))),
      ...(value.turn ? turning(value.turn) : []), ...(value.far ? [distance(value.far)] : []), ...(value.walks || []).map(scrubber));
    noisewalkHistoryAdd(value.entries);
  };
  element.closest(".technique")?.addEventListener("click", (event) => { // before the studio has answered
    if (!event.target.closest("[id$='-run']")) return;
    root.dataset.phase = "asked";
    status.textContent = "Preparing …";
  });
  draw();
  watch("value", draw);
}

// Pictures with captions that can be opened: the candidates of a search, or the samples of a training run.
function noisewalkGallery(element, props, trigger, watch) {
  const dom = noisewalkDom, root = element.querySelector(".nw");
  const draw = () => {
    const value = props.value || {};
    const made = [dom("p", { class: "nw-say", role: "status" }, value.message || "")];
    if (value.curve?.length > 1) made.push(noisewalkCurve(value.curve));
    const items = (value.items || []).map((item) => {
      const figure = noisewalkPicture(item.url, item.caption);
      if (item.seed === undefined) return figure;
      const open = dom("button", { type: "button", class: "nw-open", "aria-label": `Open ${item.caption}`, "data-seed": String(item.seed) }, figure);
      open.addEventListener("click", () => { props.value = { ...props.value, open: item.seed, at: Date.now() }; trigger("open"); });
      return open;
    });
    made.push(dom("div", { class: "nw-shown" }, ...items));
    root.dataset.phase = value.phase || "idle";
    root.replaceChildren(...made);
  };
  draw();
  watch("value", draw);
}

function noisewalkCurve(points) {
  const ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg"), line = document.createElementNS(ns, "polyline");
  const xs = points.map((p) => p[0]), ys = points.map((p) => Math.log(p[1]));
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const place = (p) => `${10 + 380 * (p[0] - left) / (right - left || 1)},${130 - 120 * (Math.log(p[1]) - low) / (high - low || 1)}`;
  line.setAttribute("points", points.map(place).join(" "));
  svg.setAttribute("viewBox", "0 0 400 140");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `The loss, from ${points[0][1].toFixed(4)} to ${points[points.length - 1][1].toFixed(4)}`);
  svg.setAttribute("class", "nw-curve");
  svg.append(line);
  return noisewalkDom("figure", { class: "nw-loss" }, svg, noisewalkDom("figcaption", {}, `loss (logarithmic): ${points[points.length - 1][1].toFixed(4)} at step ${points[points.length - 1][0]}`));
}
