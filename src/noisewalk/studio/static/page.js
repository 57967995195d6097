// The whole page: known words complete prompts, and a server that is gone or new is said.
(() => {
  const known = () => document.querySelectorAll(".prompt input").forEach((input) => input.setAttribute("list", "nw-known"));
  new MutationObserver(known).observe(document.documentElement, { childList: true, subtree: true });
  let first = null, gone = false;
  const say = (text) => {
    let line = document.querySelector(".nw-server");
    if (!line) document.body.prepend((line = noisewalkDom("p", { class: "nw-server", role: "alert" })));
    line.textContent = text;
    line.hidden = !text;
  };
  const look = async () => {
    try {
      const answer = await fetch("gradio_api/app_id", { cache: "no-store" });
      const id = JSON.stringify(await answer.json());
      if (first && id !== first) {
        say("The studio was started again. The page is loaded anew; the history is kept.");
        setTimeout(() => location.reload(), 1500);
      } else if (gone) say("");
      first = first || id;
      gone = false;
    } catch {
      gone = true;
      say("The studio does not answer. Was it stopped? This page waits for it; nothing in the history is lost.");
    }
  };
  const start = () => { look(); setInterval(look, 3000); };
  if (document.readyState === "complete") start(); else window.addEventListener("load", start);
})();
