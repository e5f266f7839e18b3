// Previews on data of now: ask, show that it goes on, let it be stopped, draw what came; and parts of
// the page that are asked for once it stands.
(() => {
  const form = document.querySelector("[data-editor]");
  if (!form) return;

  async function part(address, options = {}) {
    const answer = await fetch(address, { redirect: "manual", ...options });
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      throw new Error("Your session has ended. Sign in in another tab, then try again: nothing here is lost.");
    }
    const type = answer.headers.get("Content-Type") ?? "";
    if (!type.startsWith("text/html") || answer.status === 500) throw new Error(`Glassbox could not make it (${answer.status}). The log says why.`);
    return answer.text();
  }

  function put(place, html) {
    place.innerHTML = html;
    place.dispatchEvent(new CustomEvent("glassbox:swapped", { bubbles: true }));
  }

  function start(box) {
    const [go, stop] = ["go", "stop"].map((name) => box.querySelector(`[data-preview-${name}]`));
    const state = box.querySelector("[data-preview-state]");
    const place = box.querySelector("[data-preview-place]");
    const choice = box.querySelector("[data-preview-choice]");
    const symbol = box.querySelector("[data-preview-symbol]");
    let asking;

    function offer() {
      const found = form.elements.symbols.value.split(/[,;\n]/).map((each) => each.trim().toUpperCase()).filter(Boolean);
      const chosen = symbol.value;
      symbol.replaceChildren(...found.map((each) => new Option(each, each, false, each === chosen)));
      choice.hidden = found.length < 2;
    }

    go.addEventListener("click", async () => {
      asking?.abort();
      asking = new AbortController();
      const data = new FormData(form);
      data.set("preview_symbol", symbol.value);
      const begun = performance.now();
      state.innerHTML = '<span class="spinner" aria-hidden="true"></span> Working …';
      stop.hidden = false;
      try {
        put(place, await part(`/strategies/preview/${box.dataset.preview}`, {
          method: "POST",
          body: data,
          headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
          signal: asking.signal,
        }));
        state.textContent = `Done in ${((performance.now() - begun) / 1000).toFixed(1)} s. Change something and ask again.`;
      } catch (error) {
        state.textContent = error.name === "AbortError" ? "Stopped." : error.message;
      }
      stop.hidden = true;
    });
    stop.addEventListener("click", () => asking?.abort());
    form.addEventListener("glassbox:step", offer);
    symbol.addEventListener("change", (event) => event.stopPropagation());
    offer();
    box.hidden = false;
  }

  form.querySelectorAll("[data-preview]").forEach(start);
  for (const place of form.querySelectorAll("[data-part]")) {
    place.querySelector("[data-part-wait]")?.removeAttribute("hidden");
    part(place.dataset.part).then((html) => put(place, html), (error) => (place.textContent = error.message));
  }
  form.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-fill]");
    if (!button) return;
    const field = form.elements[button.dataset.fill];
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
