// A form that was sent says so and is not sent twice; a dead button does nothing but keep its reason.
(() => {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent !== undefined) return event.preventDefault();
    form.dataset.sent = "";
    const button = event.submitter ?? form.querySelector("button");
    if (button) setTimeout(() => (button.textContent = button.dataset.busy ?? "Working …"));
  });
  // Back from the browser's cache the page may be sent again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dead]")) event.preventDefault();
  });
})();
