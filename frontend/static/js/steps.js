// The steps of one run: parts that are fetched when they are opened, deep links, keys.
(() => {
  for (const element of document.querySelectorAll("[data-keys-show]")) element.hidden = false;

  // What is heavy (records, conversations, logs) comes when it is opened; its link stays without us.
  async function load(details) {
    if (!details.dataset.load || details.dataset.loaded) return;
    details.dataset.loaded = "yes";
    const box = document.createElement("div");
    box.className = "mt-2 grid gap-4";
    box.textContent = "Fetching …";
    const link = [...details.children].filter((child) => child.tagName !== "SUMMARY");
    details.append(box);
    link.forEach((child) => { child.hidden = true; });
    try {
      const answer = await fetch(details.dataset.load, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      box.replaceChildren(...page.querySelector("[data-part]").childNodes);
      box.dispatchEvent(new CustomEvent("glassbox:swapped", { bubbles: true }));
    } catch {
      box.remove();
      link.forEach((child) => { child.hidden = false; });
      delete details.dataset.loaded;
    }
  }
  // "toggle" does not bubble.
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches?.("details[data-load]")) load(event.target);
  }, true);
  const loadOpen = (root) => root.querySelectorAll("details[data-load][open]").forEach(load);
  loadOpen(document);
  document.addEventListener("glassbox:swapped", (event) => loadOpen(event.target));

  const steps = () => [...document.querySelectorAll("[data-steps] > [data-step]")];
  const at = () => steps().findIndex((step) => step.dataset.step === current);
  let current = "";

  function mark(name) {
    current = name;
    for (const link of document.querySelectorAll("[data-step-link]")) {
      if (link.dataset.stepLink === name) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
    const rail = document.querySelector("#run-rail ol");
    const link = rail?.querySelector("[aria-current]");
    if (link && rail.scrollWidth > rail.clientWidth) rail.scrollTo({ left: link.parentElement.offsetLeft - 16 });
  }

  function show(name, { open = true } = {}) {
    const step = document.getElementById(`step-${name}`);
    if (!step) return;
    if (open) step.querySelector("details").open = true;
    mark(name);
    history.replaceState(null, "", `#step-${name}`);
    step.scrollIntoView({ block: "start" });
    step.querySelector("summary").focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-step-link]");
    if (link && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      show(link.dataset.stepLink);
    }
    if (event.target.closest("[data-keys-show]")) document.getElementById("keys").showModal();
  });
  document.addEventListener("glassbox:swapped", () => current && mark(current));

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    o: () => { const step = steps()[at()]; if (step) step.firstElementChild.open = !step.firstElementChild.open; },
    a: () => { const all = steps().map((step) => step.firstElementChild); const open = !all.every((each) => each.open); all.forEach((each) => { each.open = open; }); },
    p: () => document.querySelector("a[rel=prev]")?.click(),
    n: () => document.querySelector("a[rel=next]")?.click(),
    "?": () => document.getElementById("keys").showModal(),
  };
  function move(by) {
    const all = steps();
    const next = all[Math.min(Math.max(at() + by, 0), all.length - 1)];
    if (next) show(next.dataset.step, { open: false });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, textarea, select, [contenteditable]")) return;
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  const wanted = location.hash.match(/^#step-(\w+)$/);
  if (wanted) show(wanted[1]);
  addEventListener("hashchange", () => {
    const name = location.hash.match(/^#step-(\w+)$/);
    if (name) show(name[1]);
  });
})();
