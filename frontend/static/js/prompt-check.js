// Tells while somebody writes a prompt whether it could be saved, and where it is wrong.
(() => {
  const form = document.querySelector("[data-prompt-check]");
  if (!form) return;
  const text = form.elements.template;
  const problem = form.querySelector("[data-problem]");
  const fine = form.querySelector("[data-fine]");
  let waiting;
  let asking;

  function tell(said) {
    problem.textContent = said ?? "";
    problem.hidden = !said;
    fine.hidden = Boolean(said);
    form.querySelector("[data-length]").textContent = `${text.value.length.toLocaleString()} characters.`;
    if (said) text.setAttribute("aria-invalid", "true");
    else text.removeAttribute("aria-invalid");
  }

  async function check() {
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(form.dataset.promptCheck, {
        method: "POST",
        body: new URLSearchParams({ template: text.value }),
        headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
        redirect: "manual",
        signal: asking.signal,
      });
      if (answer.ok) tell((await answer.json()).problem);
      else tell("Not checked: sign in again in another tab. What is written here stays.");
    } catch (error) {
      if (error.name !== "AbortError") tell("Not checked: Glassbox does not answer. Is it running?");
    }
  }

  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 300);
  });
})();
