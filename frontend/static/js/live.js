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
  let events = null;
  let isOver = false;
  const came = new Map();

  function swap(id, html) {
    const old = document.getElementById(id);
    if (!old) return;
    const box = document.createElement("template");
    box.innerHTML = html.trim();
    const fresh = box.content.firstElementChild;
    // Held against what came last, not against the page: charts and times change what stands there.
    if (!fresh || fresh.outerHTML === old.outerHTML || came.get(id) === fresh.outerHTML) return;
    came.set(id, fresh.outerHTML);
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

  // A browser has six connections for all pages of a site: one that nobody looks at gives its own
  // back, and is told what it missed when it is looked at again.
  function listen() {
    if (events || isOver || document.hidden) return;
    events = new EventSource(source.dataset.live);
    events.addEventListener("changed", refresh);
    events.addEventListener("parts", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) swap(id, html);
    });
    // The page itself then leads to the sign-in, and back.
    events.addEventListener("signed_out", () => location.reload());
    events.addEventListener("done", () => {
      isOver = true;
      hush();
      refresh();
    });
  }

  function hush() {
    events?.close();
    events = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);
  listen();
})();
