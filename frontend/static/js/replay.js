// Choosing another version of a prompt puts its text into the box below; what a person typed is
// asked about before it is lost. Without this script the chosen version counts while the text stays.
(() => {
  for (const choice of document.querySelectorAll("[data-versions]")) {
    const texts = JSON.parse(document.getElementById(choice.dataset.versions).textContent);
    const box = document.getElementById(choice.dataset.fills);
    let shown = choice.value;
    choice.addEventListener("change", () => {
      const isTyped = box.value.trim() !== (texts[shown] ?? box.defaultValue).trim();
      if (isTyped && !confirm("Replace the text that you changed by the chosen version?")) {
        choice.value = shown;
        return;
      }
      shown = choice.value;
      box.value = texts[shown];
    });
  }
})();
