// Light or dark: the system's choice, unless the reader chose; remembered in this browser.
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("glassbox-theme");
  if (kept) root.dataset.theme = kept;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("glassbox-theme", root.dataset.theme);
    document.dispatchEvent(new CustomEvent("glassbox:theme"));
  });
})();
