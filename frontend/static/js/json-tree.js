// Searching a JSON tree, and copying a row's path (click) or value (double click).
(() => {
  for (const element of document.querySelectorAll("[data-json] [data-needs-script]")) element.hidden = false;
  document.addEventListener("glassbox:swapped", (event) => {
    for (const element of event.target.querySelectorAll("[data-json] [data-needs-script]")) element.hidden = false;
  });

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-json-search]")) return;
    const tree = event.target.closest("[data-json]");
    const wanted = event.target.value.trim().toLowerCase();
    let found = 0;
    for (const row of tree.querySelectorAll("[data-json-path]")) {
      const own = row.matches("details") ? row.querySelector("summary") : row;
      const hit = wanted !== "" && own.textContent.toLowerCase().includes(wanted);
      own.classList.toggle("json-hit", hit);
      if (!hit) continue;
      found += 1;
      for (let box = row.parentElement.closest("details"); box && tree.contains(box); box = box.parentElement.closest("details")) box.open = true;
    }
    tree.querySelector("[data-json-found]").textContent = wanted ? `${found} found` : "";
  });

  function tell(row, text) {
    navigator.clipboard?.writeText(text);
    row.closest("[data-json]").querySelector("[data-json-found]").textContent = `Copied: ${text.slice(0, 80)}`;
  }
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".json-row");
    if (row && String(getSelection()) === "") tell(row, row.dataset.jsonPath);
  });
  document.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".json-row");
    if (row) tell(row, row.lastElementChild.textContent);
  });
})();
