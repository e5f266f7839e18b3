// Follows a stream of events and brings the page up to date, without a reload and without losing
// what is open or focused. Two kinds of events are understood:
//   changed  the page is fetched again, and every element with data-live-part is replaced by id
//   parts    the event carries {id: html} itself
// The stream is named by <... data-live="/address">; `done` or the element's removal ends it.
(() => {
  const source = document.querySelector("[data-live]");
  if (!source || !window.EventSource) return;
  let fetching = false;
  let again = false;

  function swap(id, html) {
    const old = document.getElementById(id);
    if (!old) return;
    const box = document.createElement("template");
    box.innerHTML = html.trim();
    const fresh = box.content.firstElementChild;
    if (!fresh || fresh.outerHTML === old.outerHTML) return;
    for (const details of old.querySelectorAll("details[id][open]")) {
      fresh.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
    }
    if (old.matches("details[open]")) fresh.setAttribute("open", "");
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus();
    fresh.dispatchEvent(new CustomEvent("glassbox:swapped", { bubbles: true }));
  }

  async function refresh() {
    if (fetching) return void (again = true);
    fetching = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of page.querySelectorAll("[data-live-part][id]")) swap(part.id, part.outerHTML);
      }
    } catch {
      // Away for now: the next event, or a reload, tries again.
    }
    fetching = false;
    if (again) refresh();
  }

  const events = new EventSource(source.dataset.live);
  events.addEventListener("changed", refresh);
  events.addEventListener("parts", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) swap(id, html);
  });
  events.addEventListener("done", () => {
    events.close();
    refresh();
  });
  addEventListener("pagehide", () => events.close());
})();
