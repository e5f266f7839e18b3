// Draws each stored figure once it comes into view, in the page's colours and width. Plotly is heavy:
// only pages with charts load it.
(() => {
  // custom properties keep their light-dark() text; only a real property resolves it
  function colour(name) {
    const probe = document.createElement("span");
    probe.className = `text-${name}`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function inPageColours(layout) {
    const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark")
      && (document.documentElement.dataset.theme === "dark"
        || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches));
    if (!dark) return layout;
    const ink = colour("ink");
    const changed = structuredClone(layout);
    changed.paper_bgcolor = changed.plot_bgcolor = "rgba(0,0,0,0)";
    changed.font = { ...changed.font, color: ink };
    for (const name of Object.keys(changed).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changed[name] = { ...changed[name], gridcolor: "rgba(140,155,180,.18)", linecolor: "rgba(140,155,180,.3)" };
      changed[name].tickfont = { ...changed[name].tickfont, color: ink };
    }
    changed.annotations = (changed.annotations ?? []).map((note) => (
      note.bgcolor ? note : { ...note, font: { ...note.font, color: ink } }));
    return changed;
  }

  // The heading is made for 1,200 pixels: on a phone the mark of simulated prices moves aside, and
  // what the page says elsewhere (the moment, the indicators' values) goes.
  function forPhone(layout) {
    const heading = (note) => note.yref === "paper" && note.y === 1;
    const annotations = (layout.annotations ?? [])
      .filter((note) => !heading(note) || !/^As of|^<span/.test(note.text))
      .map((note) => {
        if (!heading(note)) return note;
        const small = { ...note, font: { ...note.font, size: 11 } };
        return note.text.includes("SIMULATED")
          ? { ...small, x: 1, xanchor: "right", xshift: 48 }
          : small;
      });
    return { ...layout, annotations, margin: { ...layout.margin, l: 8, r: 56 } };
  }

  // Without an address the figure stands in the script element behind the place.
  async function figureOf(place) {
    if (!place.dataset.figure) return JSON.parse(place.nextElementSibling.textContent);
    const answer = await fetch(place.dataset.figure);
    if (!answer.ok) throw new Error(`the figure cannot be read (${answer.status})`);
    return answer.json();
  }

  async function draw(place) {
    place.dataset.drawn = "";
    try {
      const figure = await figureOf(place);
      const height = figure.layout.height ?? 480;
      const coloured = inPageColours(figure.layout);
      const layout = { ...(place.clientWidth < 640 ? forPhone(coloured) : coloured), autosize: true };
      delete layout.width;
      layout.height = Math.min(height, Math.max(560, place.clientWidth * 0.9));
      place.querySelector("[data-chart-wait]")?.remove();
      await Plotly.react(place, figure.data, layout, { responsive: true, displayModeBar: false });
      // a mark of a decision leads to its execution
      place.removeAllListeners?.("plotly_click");
      place.on("plotly_click", ({ points: [point] }) => {
        if (/^\/executions\/\d+$/.test(point?.customdata ?? "")) location.assign(point.customdata);
      });
    } catch (error) {
      place.textContent = `The chart could not be drawn: ${error.message}. Reload the page to try again.`;
      place.classList.add("p-4", "text-bad");
    }
  }

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && target.dataset.drawn === undefined) draw(target);
    }
  }, { rootMargin: "200px" });
  const watch = (root) => root.querySelectorAll("[data-figure]").forEach((place) => seen.observe(place));
  watch(document);
  document.addEventListener("glassbox:swapped", (event) => watch(event.target));
  document.addEventListener("glassbox:theme", () => document.querySelectorAll("[data-figure][data-drawn]").forEach(draw));
})();
