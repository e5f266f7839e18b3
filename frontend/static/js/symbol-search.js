// Symbols as cards with their contract, found as one types; the text field below stays what is sent.
(() => {
  const box = document.querySelector("[data-symbols]");
  if (!box) return;
  const sent = box.querySelector("[name=symbols]");
  const query = box.querySelector("[data-symbol-query]");
  const list = box.querySelector("[data-symbol-found]");
  const chips = box.querySelector("[data-symbol-chips]");
  const name = document.getElementById("field-name");
  let waiting;
  let asking;

  const symbols = () => sent.value.split(/[,;\n]/).map((each) => each.trim().toUpperCase()).filter(Boolean);

  function set(values) {
    const before = symbols()[0];
    sent.value = values.join(", ");
    // A name that speaks of the first symbol goes along with it.
    if (before && values[0] && name.value.startsWith(before)) name.value = values[0] + name.value.slice(before.length);
    sent.dispatchEvent(new Event("input", { bubbles: true }));
    draw();
  }

  async function describe(symbol, place) {
    try {
      const answer = await fetch(`/strategies/contract?symbol=${encodeURIComponent(symbol)}`, { redirect: "manual" });
      place.innerHTML = await answer.text();
    } catch {
      place.textContent = "Its contract cannot be asked for now.";
    }
  }

  function draw() {
    const here = new Map([...chips.children].map((chip) => [chip.dataset.chip, chip]));
    chips.replaceChildren(...symbols().map((symbol) => here.get(symbol) ?? made(symbol)));
  }

  function made(symbol) {
    const chip = document.createElement("li");
    chip.className = "rounded-md border border-line p-3";
    chip.dataset.chip = symbol;
    const head = document.createElement("div");
    head.className = "flex items-center justify-between gap-2";
    const title = document.createElement("strong");
    title.textContent = symbol;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "btn btn-quiet btn-small";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${symbol}`);
    remove.addEventListener("click", () => {
      set(symbols().filter((each) => each !== symbol));
      query.focus();
    });
    head.append(title, remove);
    const about = document.createElement("div");
    about.textContent = "Asking for its contract …";
    about.className = "mt-1 text-sm text-quiet";
    chip.append(head, about);
    describe(symbol, about);
    return chip;
  }

  function close() {
    list.hidden = true;
    query.setAttribute("aria-expanded", "false");
  }

  function add(symbol) {
    query.value = "";
    close();
    if (symbol && !symbols().includes(symbol)) set([...symbols(), symbol]);
    query.focus();
  }

  async function search() {
    asking?.abort();
    asking = new AbortController();
    if (!query.value.trim()) return close();
    list.hidden = false;
    query.setAttribute("aria-expanded", "true");
    try {
      const answer = await fetch(`/strategies/symbols?query=${encodeURIComponent(query.value)}`, { signal: asking.signal, redirect: "manual" });
      list.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") list.textContent = "The search does not answer.";
    }
  }

  function move(by) {
    const options = [...list.querySelectorAll("[data-symbol]")];
    const now = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    options.forEach((each) => each.setAttribute("aria-selected", "false"));
    const chosen = options[(now + by + options.length) % options.length];
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  query.addEventListener("input", (event) => {
    event.stopPropagation();
    clearTimeout(waiting);
    waiting = setTimeout(search, 250);
  });
  query.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      move(by);
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      add(list.querySelector("[aria-selected=true]")?.dataset.symbol ?? query.value.trim().toUpperCase());
    } else if (event.key === "Escape") close();
  });
  list.addEventListener("click", (event) => add(event.target.closest("[data-symbol]")?.dataset.symbol));
  document.addEventListener("click", (event) => box.contains(event.target) || close());
  sent.addEventListener("change", draw);

  box.querySelector("[data-symbol-search]").hidden = false;
  // Its error must stay in sight: only the field itself steps back.
  sent.type = "hidden";
  for (const each of box.querySelectorAll("[data-symbol-plain] label, [data-symbol-plain] .field-help")) each.hidden = true;
  draw();
})();
