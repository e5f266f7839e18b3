// Counts down <... data-countdown="seconds left" data-speed>: by the clock of the server, which may be
// another one than the reader's. At the end what stands in data-while-open beside it is switched off;
// the server refuses it in any case.
(() => {
  const begun = new WeakMap();

  function spoken(seconds) {
    const whole = Math.ceil(seconds);
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  }

  function end(counter) {
    counter.querySelector("[data-countdown-word]").textContent = "Time is over: no answer is a no.";
    counter.querySelector("[data-countdown-text]").textContent = "";
    const box = counter.closest("section, li");
    for (const part of box?.querySelectorAll("[data-while-open]") ?? []) {
      for (const button of part.querySelectorAll("button")) button.disabled = true;
    }
  }

  function tick() {
    for (const counter of document.querySelectorAll("[data-countdown]")) {
      if (!begun.has(counter)) begun.set(counter, performance.now());
      const passed = ((performance.now() - begun.get(counter)) / 1000) * Number(counter.dataset.speed);
      const left = Math.max(0, Number(counter.dataset.countdown) - passed);
      counter.querySelector("progress").value = left;
      counter.classList.toggle("countdown-soon", left < 60);
      if (left > 0) counter.querySelector("[data-countdown-text]").textContent = spoken(left);
      else end(counter);
    }
  }

  // One tap is one answer: a second one would only be told that it came too late.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-once]")) return;
    const box = event.target.closest("[data-while-open], section") ?? event.target;
    setTimeout(() => box.querySelectorAll("button").forEach((button) => (button.disabled = true)));
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  tick();
  setInterval(tick, 500);
})();
