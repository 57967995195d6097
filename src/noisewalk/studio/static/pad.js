// A canvas to draw on, to load a picture into, and to brush a mask over. Its value is {picture, mask}, as data URLs.
function noisewalkPad(element, props, trigger, watch) {
  const root = element.querySelector(".nw"), most = props.most, kind = props.kind;
  const make = noisewalkDom;
  const size = 256, picture = make("canvas", { class: "nw-picture", role: "img", "aria-label": "Canvas: draw here" });
  const mask = make("canvas", { class: "nw-mask", role: "img", "aria-label": "Mask: what is red is repainted" });
  const stack = make("div", { class: "nw-stack", tabindex: "0", role: "group", "aria-label": "Picture: drop or paste one here" }, picture, mask);
  const say = make("p", { class: "nw-say", role: "status" });
  const file = make("input", { type: "file", accept: "image/*", class: "nw-file", "aria-label": "Choose a picture" });
  const colour = make("input", { type: "color", value: "#1a1a1a", "aria-label": "Colour" });
  const width = make("input", { type: "range", min: "2", max: "64", value: "14", "aria-label": "Width of the brush" });
  const tool = make("select", { "aria-label": "Tool" });
  if (kind !== "mask") tool.append(make("option", { value: "draw" }, "Draw"));
  if (kind !== "picture") tool.append(make("option", { value: "mask" }, "Paint the mask"));
  const button = (text, action) => {
    const made = make("button", { type: "button" }, text);
    made.addEventListener("click", action);
    return made;
  };
  let original = null, changed = false, masked = false, mine = "", before = [];

  const both = [picture, mask];
  const resize = (w, h) => both.forEach((c) => { c.width = w; c.height = h; });
  const white = () => { const c = picture.getContext("2d"); c.fillStyle = "#ffffff"; c.fillRect(0, 0, picture.width, picture.height); };
  const blank = () => { resize(size, size); white(); original = null; changed = false; masked = false; before = []; };

  const maskUrl = () => { // white where it was painted, black elsewhere
    const out = make("canvas", { width: mask.width, height: mask.height }), c = out.getContext("2d");
    c.drawImage(mask, 0, 0);
    const data = c.getImageData(0, 0, out.width, out.height);
    for (let i = 0; i < data.data.length; i += 4) data.data.fill(data.data[i + 3] > 127 ? 255 : 0, i, i + 3), (data.data[i + 3] = 255);
    c.putImageData(data, 0, 0);
    return out.toDataURL("image/png");
  };
  const send = () => {
    const value = {};
    if (kind !== "mask" && (original || changed)) value.picture = changed ? picture.toDataURL("image/png") : original;
    if (kind !== "picture" && masked) value.mask = maskUrl();
    mine = JSON.stringify(value);
    props.value = value;
    trigger("input");
  };

  const show = (url, onto, done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => { say.textContent = "This file is no picture that the browser can read."; };
    image.src = url;
  };
  const load = (url) => show(url, picture, (image) => {
    const scale = Math.min(1, 2048 / Math.max(image.width, image.height));
    resize(Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
    white();
    picture.getContext("2d").drawImage(image, 0, 0, picture.width, picture.height);
    original = url; changed = scale < 1; masked = false; before = [];
    say.textContent = `A picture of ${image.width} x ${image.height} pixels`;
    send();
  });
  const read = (blob) => {
    if (!blob) return;
    if (blob.size > most) { say.textContent = `This file is larger than ${Math.round(most / 1e6)} MB.`; return; }
    const reader = new FileReader();
    reader.onload = () => load(reader.result);
    reader.readAsDataURL(blob);
  };

  let last = null;
  const target = () => (tool.value === "mask" ? mask : picture);
  const at = (event) => {
    const box = picture.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * picture.width, (event.clientY - box.top) / box.height * picture.height];
  };
  const line = (from, to) => {
    const c = target().getContext("2d");
    c.strokeStyle = tool.value === "mask" ? "#ff2020" : colour.value;
    c.lineWidth = width.value / 256 * picture.width;
    c.lineCap = c.lineJoin = "round";
    c.beginPath(); c.moveTo(...from); c.lineTo(...to); c.stroke();
  };
  stack.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    before.push([target(), target().getContext("2d").getImageData(0, 0, picture.width, picture.height), changed, masked]);
    if (before.length > 20) before.shift();
    stack.setPointerCapture(event.pointerId);
    last = at(event); line(last, last);
    event.preventDefault();
  });
  stack.addEventListener("pointermove", (event) => { if (last) { const now = at(event); line(last, now); last = now; } });
  const lift = () => {
    if (!last) return;
    last = null;
    if (tool.value === "mask") masked = true; else changed = true;
    send();
  };
  stack.addEventListener("pointerup", lift);
  stack.addEventListener("pointercancel", lift);
  stack.addEventListener("dragover", (event) => event.preventDefault());
  stack.addEventListener("drop", (event) => { event.preventDefault(); event.stopPropagation(); read(event.dataTransfer.files[0]); });
  stack.addEventListener("paste", (event) => read([...event.clipboardData.files][0]));
  file.addEventListener("change", () => { read(file.files[0]); file.value = ""; });

  const paste = async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) return read(await item.getType(type));
      }
      say.textContent = "There is no picture in the clipboard.";
    } catch { say.textContent = "The browser does not give the clipboard; click on the canvas and press Ctrl-V."; }
  };
  let camera = null;
  const webcam = async () => {
    if (camera) { // take the picture
      const out = make("canvas", { width: camera.videoWidth, height: camera.videoHeight });
      out.getContext("2d").drawImage(camera, 0, 0);
      camera.srcObject.getTracks().forEach((track) => track.stop());
      camera.remove(); camera = null; cameraButton.textContent = "Webcam";
      load(out.toDataURL("image/png"));
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: true });
      camera = make("video", { autoplay: "", playsinline: "", muted: "" });
      camera.srcObject = stream;
      stack.after(camera);
      cameraButton.textContent = "Take the picture";
    } catch { say.textContent = "The browser gives no camera."; }
  };
  const undo = () => {
    const step = before.pop();
    if (!step) return;
    step[0].getContext("2d").putImageData(step[1], 0, 0);
    [changed, masked] = [step[2], step[3]];
    send();
  };
  const cameraButton = button("Webcam", webcam);
  const tools = make("div", { class: "nw-tools" }, tool, colour, width, button("Undo", undo), button("Clear", () => { blank(); say.textContent = ""; send(); }));
  const sources = make("div", { class: "nw-tools" }, file, button("Paste", paste), cameraButton);
  root.replaceChildren(...(kind === "mask" ? [tools, stack, say] : [sources, tools, stack, say]));
  blank();

  const restore = () => { // the server has put a picture here
    const value = props.value || {}, text = JSON.stringify(value);
    if (text === mine) return;
    mine = text;
    blank();
    if (value.picture) show(value.picture, picture, (image) => {
      resize(image.width, image.height); white();
      picture.getContext("2d").drawImage(image, 0, 0);
      original = value.picture;
      if (value.mask) brush(value.mask);
    });
    else if (value.mask) brush(value.mask);
  };
  const brush = (url) => show(url, mask, (image) => {
    if (!original) resize(image.width, image.height), white();
    const c = mask.getContext("2d");
    c.drawImage(image, 0, 0, mask.width, mask.height);
    const data = c.getImageData(0, 0, mask.width, mask.height);
    for (let i = 0; i < data.data.length; i += 4) data.data.set(data.data[i] > 127 ? [255, 32, 32, 255] : [0, 0, 0, 0], i);
    c.putImageData(data, 0, 0);
    masked = true;
  });
  restore();
  watch("value", restore);
}
