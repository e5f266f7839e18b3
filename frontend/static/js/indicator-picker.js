// Indicators as chips that can be changed in place, and a list to choose from by name or meaning; the
// text below stays what is sent.
(() => {
  const source = document.getElementById("indicator-catalogue");
  if (!source) return;
  const catalogue = JSON.parse(source.textContent);
  const spelled = ({ name, parameters }) => [name, ...Object.values(parameters)].join("_");

  function fits(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return catalogue.filter((each) => {
      const text = `${each.name} ${each.title} ${each.description}`.toLowerCase();
      return words.length ? words.every((word) => text.includes(word)) : each.is_favourite;
    }).slice(0, 30);
  }

  function start(box) {
    const sent = box.querySelector("textarea");
    const chips = box.querySelector("[data-indicator-chips]");
    const query = box.querySelector("[data-indicator-query]");
    const list = box.querySelector("[data-indicator-found]");
    const values = () => sent.value.split(/[,;\n]/).map((each) => each.trim()).filter(Boolean);

    function set(texts) {
      sent.value = texts.join("\n");
      sent.dispatchEvent(new Event("input", { bubbles: true }));
      draw();
    }

    function made(text, index) {
      const item = document.createElement("li");
      item.className = "chip";
      const input = document.createElement("input");
      input.className = "w-auto bg-transparent font-mono text-xs";
      input.size = Math.max(6, text.length);
      input.value = text;
      input.setAttribute("aria-label", `Indicator ${index + 1}`);
      input.addEventListener("input", (event) => event.stopPropagation());
      input.addEventListener("change", (event) => {
        event.stopPropagation();
        set(values().map((each, at) => (at === index ? input.value : each)));
      });
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "cursor-pointer px-1 text-quiet hover:text-bad";
      remove.textContent = "✕";
      remove.setAttribute("aria-label", `Remove ${text}`);
      remove.addEventListener("click", () => {
        set(values().filter((_, at) => at !== index));
        query.focus();
      });
      item.append(input, remove);
      return item;
    }

    const draw = () => chips.replaceChildren(...values().map(made));

    function close() {
      list.hidden = true;
      query.setAttribute("aria-expanded", "false");
    }

    function open() {
      list.replaceChildren(...fits(query.value).map((each) => {
        const option = document.createElement("button");
        option.type = "button";
        option.className = "menu-item";
        option.role = "option";
        option.tabIndex = -1;
        option.setAttribute("aria-selected", "false");
        option.dataset.text = spelled(each);
        const strong = document.createElement("strong");
        strong.textContent = spelled(each);
        const about = document.createElement("span");
        about.className = "text-quiet";
        about.textContent = ` ${each.title}: ${each.description}`;
        option.append(strong, about);
        return option;
      }));
      if (!list.children.length) list.textContent = "No indicator fits. Try a word of what it measures.";
      list.hidden = false;
      query.setAttribute("aria-expanded", "true");
    }

    function add(text) {
      query.value = "";
      close();
      if (text) set([...values(), text]);
      query.focus();
    }

    function move(by) {
      const options = [...list.querySelectorAll("[data-text]")];
      const now = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
      options.forEach((each) => each.setAttribute("aria-selected", "false"));
      const chosen = options[(now + by + options.length) % options.length];
      chosen?.setAttribute("aria-selected", "true");
      chosen?.scrollIntoView({ block: "nearest" });
    }

    query.addEventListener("input", (event) => {
      event.stopPropagation();
      open();
    });
    query.addEventListener("click", open);
    query.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by) {
        event.preventDefault();
        if (list.hidden) open();
        move(by);
      } else if (event.key === "Enter") {
        event.preventDefault();
        event.stopPropagation();
        add(list.querySelector("[aria-selected=true]")?.dataset.text ?? query.value.trim());
      } else if (event.key === "Escape") close();
    });
    list.addEventListener("click", (event) => add(event.target.closest("[data-text]")?.dataset.text));
    document.addEventListener("click", (event) => box.contains(event.target) || close());
    sent.addEventListener("change", draw);

    box.querySelector("[data-indicator-adder]").hidden = false;
    for (const each of box.querySelectorAll("[data-indicator-plain] label, [data-indicator-plain] .field-help, [data-indicator-plain] textarea")) each.hidden = true;
    draw();
  }

  document.querySelectorAll("[data-indicators]").forEach(start);
})();
