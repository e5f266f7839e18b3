// The editor step by step: one section at a time, its errors counted beside its name. Without this
// script all sections stand below one another, and Save works all the same.
(() => {
  const form = document.querySelector("[data-editor]");
  const sections = form ? [...form.querySelectorAll("[data-section]")] : [];
  if (!sections.length) return;
  const links = new Map([...form.querySelectorAll("[data-step]")].map((link) => [link.dataset.step, link]));
  const back = form.querySelector("[data-back]");
  const next = form.querySelector("[data-next]");
  const bar = form.querySelector("[data-step-progress]");
  const save = form.querySelector("[data-save]");
  let at = 0;

  function show(index, { focus = false } = {}) {
    at = Math.max(0, Math.min(index, sections.length - 1));
    sections.forEach((section, each) => (section.hidden = each !== at));
    for (const [id, link] of links) {
      if (id === sections[at].id) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
    links.get(sections[at].id).scrollIntoView({ block: "nearest", inline: "nearest" });
    bar.value = at + 1;
    bar.textContent = `Step ${at + 1} of ${sections.length}`;
    back.hidden = at === 0;
    next.hidden = at === sections.length - 1;
    save.classList.toggle("btn-primary", next.hidden);
    save.classList.toggle("btn-plain", !next.hidden);
    // The form has an action of its own, so an address with a hash only says where one was.
    // Not while the page loads: the browser would scroll down to it.
    if (document.readyState === "complete") history.replaceState(null, "", `#${sections[at].id}`);
    form.elements.at_step.value = sections[at].id;
    if (focus) {
      sections[at].focus({ preventScroll: true });
      scrollTo({ top: 0 });
    }
    sections[at].dispatchEvent(new CustomEvent("glassbox:step", { bubbles: true }));
  }

  const indexOf = (id) => sections.findIndex((section) => section.id === id);
  const holding = (element) => sections.indexOf(element.closest("[data-section]"));

  function mark() {
    for (const section of sections) {
      const wrong = section.querySelectorAll("[data-error-for]:not([hidden])").length;
      const place = links.get(section.id).querySelector("[data-step-mark]");
      place.textContent = wrong || "";
      place.title = wrong ? `${wrong} to mend` : "";
    }
  }

  function goTo(name) {
    const field = document.getElementById(`field-${name}`) ?? form.querySelector(`[data-error-for="${CSS.escape(name)}"]`);
    if (!field) return;
    show(holding(field));
    for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    const visible = field.offsetParent ? field : field.closest("[data-symbols], [data-indicators]")?.querySelector("input:not([hidden])");
    (visible ?? field).focus();
  }

  function showStop() {
    const kind = form.elements["signal.stop.kind"].value;
    for (const box of form.querySelectorAll("[data-stop-for]")) box.hidden = !box.dataset.stopFor.split(" ").includes(kind);
    const trailing = form.elements["exits.trailing"].value;
    for (const box of form.querySelectorAll("[data-trailing-for]")) box.hidden = box.dataset.trailingFor !== trailing;
  }

  back.addEventListener("click", () => show(at - 1, { focus: true }));
  next.addEventListener("click", () => show(at + 1, { focus: true }));
  form.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    const goto = event.target.closest("[data-goto]");
    if (!step && !goto) return;
    event.preventDefault();
    if (step) show(indexOf(step.dataset.step), { focus: true });
    else goTo(goto.dataset.goto);
  });
  form.addEventListener("keydown", (event) => {
    const forward = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (forward && event.target.closest("[data-step]")) {
      event.preventDefault();
      show(at + forward);
      links.get(sections[at].id).focus();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(save);
    // Enter in a field goes on instead of saving half a strategy.
    else if (event.key === "Enter" && event.target.matches("input:not([type=radio], [type=checkbox])") && !event.defaultPrevented) {
      event.preventDefault();
      if (at < sections.length - 1) show(at + 1, { focus: true });
    }
  });
  form.addEventListener("change", showStop);
  form.addEventListener("glassbox:checked", mark);
  for (const row of form.querySelectorAll("[data-chart-row]")) {
    const frame = row.querySelector("select");
    frame.addEventListener("change", () => (row.querySelector("[data-chart-summary]").textContent = frame.value || "not used"));
  }

  bar.hidden = false;
  showStop();
  mark();
  const wrong = form.querySelector("[data-error-for]:not([hidden])");
  const wanted = indexOf(location.hash.slice(1) || form.dataset.atStep);
  show(wrong ? holding(wrong) : Math.max(0, wanted));
  document.getElementById("problems")?.focus();
})();
