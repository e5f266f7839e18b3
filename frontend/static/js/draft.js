// What is written in the editor survives a reload and an ended session: it is kept in this tab until
// it was saved. A page that says that the save went well forgets what was sent.
(() => {
  const prefix = "glassbox-draft-";
  const form = document.querySelector("[data-editor]");
  const unkept = ["csrf_token", "based_on", "newest", "strategy_id", "view", "action"];

  if (!form) {
    if (!document.querySelector(".flash.notice-good")) return;
    for (const key of Object.keys(sessionStorage).filter((each) => each.startsWith(prefix))) {
      if (JSON.parse(sessionStorage[key]).isSent) sessionStorage.removeItem(key);
    }
    return;
  }

  const view = form.elements.view.value;
  const key = `${prefix}${form.dataset.draft}-${view}`;
  const state = form.querySelector("[data-draft-state]");
  const read = () => JSON.parse(sessionStorage.getItem(key) ?? "null");
  const values = () => [...new FormData(form)].filter(([name]) => !unkept.includes(name));

  function keep(isSent = false) {
    try {
      sessionStorage.setItem(key, JSON.stringify({ isSent, values: values() }));
      state.textContent = "Kept in this tab until you save.";
    } catch {
      state.textContent = "This browser keeps no drafts: save before you leave.";
    }
  }

  function restore(kept) {
    const given = new Map(kept.values);
    for (const element of form.elements) {
      if (!element.name || unkept.includes(element.name) || element.disabled) continue;
      if (element.type === "checkbox") element.checked = given.has(element.name);
      else if (element.type === "radio") element.checked = given.get(element.name) === element.value;
      else if (given.has(element.name)) element.value = given.get(element.name);
    }
    form.querySelector("[data-draft-restored]").hidden = false;
    state.textContent = "Kept in this tab until you save.";
  }

  const kept = read();
  if (kept && "fresh" in form.dataset) restore(kept);
  else if (!("fresh" in form.dataset)) keep();

  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(keep, 200);
  });
  form.addEventListener("submit", () => {
    clearTimeout(waiting);
    keep(true);
  });
  document.addEventListener("click", (event) => {
    const discard = event.target.closest("[data-draft-discard]");
    if (!discard && !event.target.closest("[data-template]")) return;
    clearTimeout(waiting);
    sessionStorage.removeItem(key);
    if (discard) location.reload();
  });
})();
