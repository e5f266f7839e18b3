// Parts that grow old: <... id data-again="/address"> is asked for anew while somebody looks at it.
(() => {
  const PAUSE = 15_000;

  async function ask() {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-again]")) {
      try {
        const answer = await fetch(part.dataset.again, { headers: { Accept: "text/html" } });
        if (!answer.ok || answer.redirected) continue;
        const box = document.createElement("template");
        box.innerHTML = (await answer.text()).trim();
        const fresh = box.content.firstElementChild;
        part.replaceWith(fresh);
        fresh.dispatchEvent(new CustomEvent("glassbox:swapped", { bubbles: true }));
      } catch {
        // What stands there says from when it is.
      }
    }
  }

  setInterval(ask, PAUSE);
})();
