// Parts of a page that take their time: <... id data-lazy="/address"> is replaced by what the address
// answers. Where that fails, the part says so and offers to try again.
(() => {
  async function load(part) {
    const address = part.dataset.lazy;
    delete part.dataset.lazy;
    let html = "";
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) html = await answer.text();
    } catch {
      // The same as an answer that is no use.
    }
    if (!html) return void fail(part, address);
    const box = document.createElement("template");
    box.innerHTML = html.trim();
    const fresh = box.content.firstElementChild;
    part.replaceWith(fresh);
    fresh.dispatchEvent(new CustomEvent("glassbox:swapped", { bubbles: true }));
  }

  function fail(part, address) {
    const again = document.createElement("button");
    again.className = "btn btn-plain btn-small m-4";
    again.textContent = "This did not come. Try again";
    again.addEventListener("click", () => {
      again.remove();
      part.dataset.lazy = address;
      load(part);
    });
    part.querySelector('[role="status"]')?.remove();
    part.append(again);
  }

  const all = () => document.querySelectorAll("[data-lazy]").forEach(load);
  document.addEventListener("glassbox:swapped", all);
  all();
})();
