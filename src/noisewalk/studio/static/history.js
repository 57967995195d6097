// The pictures of this session. They live in the browser, each as the PNG that remembers how it was made.
const noisewalkKept = "noisewalk-history", noisewalkMost = 60;
let noisewalkEntries = [];
try { noisewalkEntries = JSON.parse(sessionStorage.getItem(noisewalkKept)) || []; } catch { noisewalkEntries = []; }

function noisewalkHistoryAdd(entries) {
  noisewalkEntries = [...entries, ...noisewalkEntries].slice(0, noisewalkMost);
  try { sessionStorage.setItem(noisewalkKept, JSON.stringify(noisewalkEntries)); } catch { /* full: they stay until the page is closed */ }
  window.dispatchEvent(new Event("noisewalk-history"));
}

const noisewalkBytes = (url) => Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (c) => c.charCodeAt(0));
function noisewalkDownload(name, url) {
  const type = url.slice(5, url.indexOf(";"));
  const address = URL.createObjectURL(new Blob([noisewalkBytes(url)], { type }));
  const link = noisewalkDom("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function noisewalkHistory(element, props, trigger, watch) {
  const dom = noisewalkDom, root = element.querySelector(".nw"), picked = new Set();
  const say = dom("p", { class: "nw-say", role: "status" });
  const list = dom("div", { class: "nw-history" });
  const ask = (action, rest) => { props.value = { action, at: Date.now(), ...rest }; trigger(action === "restore" ? "restore" : "ask"); };
  const button = (text, action, label) => {
    const made = dom("button", { type: "button", ...(label ? { "aria-label": label } : {}) }, text);
    made.addEventListener("click", action);
    return made;
  };
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); say.textContent = "Copied."; } catch { say.textContent = text; }
  };
  const read = (blob, action) => {
    if (!blob) return;
    if (blob.size > props.most) { say.textContent = `This file is larger than ${Math.round(props.most / 1e6)} MB.`; return; }
    const reader = new FileReader();
    reader.onload = () => { dropped = reader.result; ask(action, { png: dropped }); again.disabled = false; };
    reader.readAsDataURL(blob);
  };
  let dropped = null;
  const file = dom("input", { type: "file", accept: "image/png", "aria-label": "A PNG that noisewalk saved" });
  file.addEventListener("change", () => { read(file.files[0], "restore"); file.value = ""; });
  const again = button("Replay it", () => ask("replay", { png: dropped }));
  again.disabled = true;
  const drop = dom("div", { class: "nw-drop" }, dom("p", {}, "Drop a PNG that noisewalk saved here: everything that made it is put back into the form."), file, again);
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => { event.preventDefault(); read(event.dataTransfer.files[0], "restore"); });
  const report = button("Download a report of those that are ticked", () => {
    const pngs = noisewalkEntries.filter((each) => picked.has(each.png)).map((each) => each.png).reverse();
    if (pngs.length) ask("report", { pngs }); else say.textContent = "Tick the pictures that the report should have.";
  });
  root.replaceChildren(drop, say, report, list);

  const item = (each, i) => {
    const tick = dom("input", { type: "checkbox", "aria-label": `Put picture ${i + 1} into the report` });
    tick.checked = picked.has(each.png);
    tick.addEventListener("change", () => (tick.checked ? picked.add(each.png) : picked.delete(each.png)));
    const of = `picture ${i + 1}`;
    const buttons = [
      button("Load", () => ask("restore", { png: each.png }), `Load the settings of ${of}`),
      button("Replay", () => ask("replay", { png: each.png }), `Replay ${of}`),
      button("PNG", () => noisewalkDownload(`${each.verb}-seed${each.seed}.png`, each.png), `Download ${of}`),
      button("Filmstrip", () => ask("filmstrip", { png: each.png }), `Download the filmstrip of ${of}`),
      ...(["anagram", "hybrid"].includes(each.verb) ? [button("Film", () => ask("film", { png: each.png }), `Download the film of ${of}`)] : []),
      button("Command", () => copy(each.command), `Copy the command of ${of}`),
      button("Python", () => copy(each.python), `Copy the Python of ${of}`),
    ];
    return dom("article", {}, tick, dom("img", { src: each.small, alt: each.title }), dom("div", {}, dom("strong", {}, each.title), dom("code", {}, each.command), dom("div", { class: "nw-tools" }, ...buttons)));
  };
  const draw = () => {
    list.replaceChildren(...noisewalkEntries.map(item));
    if (!noisewalkEntries.length) list.append(dom("p", {}, "Every picture that you make is kept here until the tab is closed."));
  };
  window.addEventListener("noisewalk-history", draw);
  draw();
  watch("value", () => {
    const value = props.value || {};
    if (value.message !== undefined) say.textContent = value.message;
    if (value.download) noisewalkDownload(value.download.name, value.download.url);
  });
}
