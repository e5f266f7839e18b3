// Checks the whole form while somebody writes, and tells each field what is wrong with it once it was
// touched; also which names a rule may use, and when the schedule is due next.
(() => {
  const form = document.querySelector("[data-editor]");
  if (!form?.querySelector("[data-section]")) return;
  const state = form.querySelector("[data-check-state]");
  const touched = new Set();
  const all = !("fresh" in form.dataset);
  let waiting;
  let asking;

  function tell(errors) {
    for (const place of form.querySelectorAll("[data-error-for]")) {
      const name = place.dataset.errorFor;
      const said = all || touched.has(name) ? errors[name] ?? "" : "";
      if (place.textContent !== said) place.textContent = said;
      place.hidden = !said;
      const field = document.getElementById(`field-${name}`);
      if (!field) continue;
      if (said) {
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", place.id);
      } else field.removeAttribute("aria-invalid");
    }
    const count = Object.keys(errors).length;
    state.textContent = count ? `${count} field${count > 1 ? "s" : ""} to mend` : "Ready to save";
    form.dispatchEvent(new CustomEvent("glassbox:checked", { detail: errors }));
  }

  function showNames(names) {
    const place = form.querySelector("[data-rule-names]");
    place.replaceChildren(...names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "rounded bg-wash px-1 font-mono text-xs hover:bg-accent-wash";
      button.textContent = name;
      button.dataset.ruleName = name;
      button.title = "Put it into the rule";
      return button;
    }));
    document.getElementById("series").replaceChildren(...names.filter((name) => !name.includes("@")).map((name) => new Option("", name)));
  }

  function showSchedule(schedule) {
    const box = form.querySelector("[data-schedule]");
    box.hidden = !schedule;
    if (!schedule) return;
    box.querySelector("[data-schedule-words]").textContent = schedule.words;
    box.querySelector("[data-schedule-next]").replaceChildren(...schedule.next.map(({ at, text }) => {
      const item = document.createElement("li");
      const local = new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
      item.textContent = `${text} · ${local} your time`;
      return item;
    }));
  }

  async function check() {
    asking?.abort();
    asking = new AbortController();
    state.textContent = "Checking …";
    try {
      const answer = await fetch("/strategies/check", {
        method: "POST",
        body: new FormData(form),
        headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
        redirect: "manual",
        signal: asking.signal,
      });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        state.textContent = "Your session has ended. Sign in in another tab and go on: nothing here is lost.";
      } else if (answer.ok) {
        const found = await answer.json();
        tell(found.errors);
        showNames(found.rule_names);
        showSchedule(found.schedule);
      } else state.textContent = `Not checked (${answer.status}). Saving checks again.`;
    } catch (error) {
      if (error.name !== "AbortError") state.textContent = "Not checked: Glassbox does not answer. Is it running?";
    }
  }

  function soon(event) {
    if (event?.target.name) touched.add(event.target.name);
    clearTimeout(waiting);
    waiting = setTimeout(check, 400);
  }
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);

  let rule = form.elements["signal.long_when"];
  form.addEventListener("focusin", ({ target }) => {
    if (target.matches?.("textarea[name^='signal.']")) rule = target;
  });
  form.addEventListener("click", ({ target }) => {
    const name = target.dataset?.ruleName;
    if (!name) return;
    rule.setRangeText(`${rule.selectionStart && !/\s$/.test(rule.value.slice(0, rule.selectionStart)) ? " " : ""}${name} `, rule.selectionStart, rule.selectionEnd, "end");
    rule.focus();
    rule.dispatchEvent(new Event("input", { bubbles: true }));
  });
  check();
})();
