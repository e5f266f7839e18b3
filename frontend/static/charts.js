// Draws each figure once its step is open; Plotly is heavy, a closed step need not pay for it.
"use strict";

async function draw(place) {
  place.dataset.drawn = "yes";
  try {
    const answer = await fetch(place.dataset.figure);
    if (!answer.ok) throw new Error(`the figure cannot be read (${answer.status})`);
    const figure = await answer.json();
    figure.layout.autosize = true;
    delete figure.layout.width;
    await Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  } catch (error) {
    place.textContent = `The chart could not be drawn: ${error.message}. Reload the page.`;
  }
}

function drawOpen() {
  for (const place of document.querySelectorAll(".chart")) {
    if (!place.dataset.drawn && place.closest("details").open) draw(place);
  }
}

document.querySelectorAll("details").forEach((step) => step.addEventListener("toggle", drawOpen));
drawOpen();

const linked = location.hash && document.getElementById(location.hash.slice(1));
if (linked) linked.open = true;
