// A list by keyboard: j and k move, x chooses, Enter opens. Says how many are chosen, and lets only
// those buttons act that fit that number. What is chosen stays so when the list is brought up to date.
(() => {
  const chosen = new Set();
  let current = -1;

  const form = () => document.querySelector("[data-rows]");
  const rows = () => [...(form()?.querySelectorAll("[data-row]") ?? [])];
  const box = (row) => row.querySelector('input[type="checkbox"]');
  const choosable = () => rows().filter(box);

  function tell() {
    const here = form();
    if (!here) return;
    const count = chosen.size;
    const fits = { some: count > 0, two: count === 2 };
    const why = { some: "Choose at least one row first.", two: "Choose exactly two rows first." };
    for (const button of here.querySelectorAll("[data-needs]")) {
      button.disabled = !fits[button.dataset.needs];
      button.dataset.title ??= button.title;
      button.title = button.disabled ? why[button.dataset.needs] : button.dataset.title;
    }
    const words = here.querySelector("[data-chosen]");
    if (!words) return; // A list whose rows are only opened.
    words.dataset.empty ??= words.textContent;
    words.textContent = count ? `${count} chosen.` : words.dataset.empty;
    const all = here.querySelector("[data-choose-all]");
    all.checked = count > 0 && count === rows().length;
    all.indeterminate = count > 0 && !all.checked;
  }

  function choose(row, on) {
    box(row).checked = on;
    chosen[on ? "add" : "delete"](box(row).value);
    row.classList.toggle("bg-accent-wash", on);
  }

  function prepare() {
    for (const row of choosable()) choose(row, chosen.has(box(row).value) || box(row).checked);
    const all = form()?.querySelector("[data-choose-all]");
    if (all) all.hidden = false;
    for (const hint of document.querySelectorAll("[data-needs-script]")) hint.hidden = false;
    const present = new Set(choosable().map((row) => box(row).value));
    for (const id of chosen) if (!present.has(id)) chosen.delete(id);
    tell();
  }

  function move(by) {
    const list = rows();
    if (!list.length) return;
    list[current]?.classList.remove("bg-wash");
    current = Math.min(Math.max(current + by, 0), list.length - 1);
    list[current].classList.add("bg-wash");
    list[current].querySelector("a[href]").focus({ preventScroll: true });
    list[current].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-choose-all]")) rows().forEach((row) => choose(row, target.checked));
    else if (target.matches('[data-row] input[type="checkbox"]')) choose(target.closest("[data-row]"), target.checked);
    else return;
    tell();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("select, textarea, [contenteditable], input:not([type=checkbox])")) return;
    const row = rows()[current];
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x" && row && box(row)) {
      choose(row, !box(row).checked);
      tell();
    } else if (event.key === "Enter" && row && !event.target.closest("a, button, summary, input")) {
      location.href = row.dataset.row;
    } else return;
    event.preventDefault();
  });

  document.addEventListener("glassbox:swapped", ({ target }) => target.querySelector?.("[data-rows]") && prepare());
  prepare();
})();
