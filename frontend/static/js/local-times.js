// Adds the reader's own time beside times in the exchange's zone, where the two differ.
(() => {
  const options = {
    full: { dateStyle: "medium", timeStyle: "medium" },
    date: { dateStyle: "medium" },
    time: { timeStyle: "short" },
  };
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function show(root) {
    for (const time of root.querySelectorAll("time[data-when]:not([data-shown])")) {
      time.dataset.shown = "";
      if (time.dataset.when === "date" || time.dataset.zone === own) continue;
      const local = new Date(time.dateTime).toLocaleString(undefined, options[time.dataset.when]);
      time.title = `${time.title} · your time: ${local}`;
      if (time.dataset.when === "full") {
        const small = document.createElement("span");
        small.className = "block text-xs text-quiet";
        small.textContent = `${local} your time`;
        time.append(small);
      }
    }
  }
  show(document);
  document.addEventListener("glassbox:swapped", (event) => show(event.target));
})();
