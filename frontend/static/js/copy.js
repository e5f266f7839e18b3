// Buttons that copy: data-copy holds the text itself, data-copy-from the id of an element with it.
(() => {
  async function copy(button, text) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied: select it by hand";
    }
    setTimeout(() => (button.textContent = before), 1500);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const from = button.dataset.copyFrom;
    copy(button, from ? document.getElementById(from).textContent : button.dataset.copy);
  });
})();
