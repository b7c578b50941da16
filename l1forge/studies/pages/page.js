"use strict";
// Tables are plain HTML, so that they print and can be read without scripts; here they learn to sort and to search.
// Plots wait as JSON beside their place, and are drawn when they come into sight.
(() => {
  const valueOf = (cell) => {
    const text = cell.dataset.value ?? cell.textContent.trim();
    return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  const order = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? 1 : -1; // text, also of empty cells, first
    return a.localeCompare(b, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const text = head.classList.contains("text") || column === 0;
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : !text; // numbers: the largest first
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
        rows.sort(([a], [b]) => (down ? order(b, a) : order(a, b)));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-search]")) {
    const where = document.getElementById(input.dataset.search);
    const items = () => [...(where.tBodies ? where.tBodies[0].rows : where.querySelectorAll(":scope > details"))];
    const count = input.parentElement.querySelector("[data-count]");
    const search = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of items()) {
        const text = (item.dataset.search ?? item.textContent).toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        shown += item.hidden ? 0 : 1;
      }
      count.textContent = `${shown} of ${items().length}`;
    };
    input.addEventListener("input", search);
    search();
  }
  const draw = async (place) => {
    const data = place.querySelector("script");
    if (!data || place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const views = await Bokeh.embed.embed_item(JSON.parse(data.textContent), place.querySelector("div").id);
    if (place.classList.contains("named") && window.innerWidth < 640) { // a phone has no room for names
      for (const { model } of views) {
        if (!model.above) continue; // parts of the figure, such as its tools
        [...model.above, ...model.left].forEach((axis) => { axis.visible = false; });
        model.height = window.innerWidth;
      }
    }
  };
  const watch = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "600px" },
  );
  document.querySelectorAll(".plot").forEach((place) => watch.observe(place));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".plot").forEach((place) => !place.closest("details:not([open])") && draw(place));
  });
  for (const button of document.querySelectorAll("button[data-open]")) {
    button.addEventListener("click", () => {
      const all = [...document.getElementById(button.dataset.open).querySelectorAll(":scope > details:not([hidden])")];
      const open = all.some((part) => !part.open);
      all.forEach((part) => { part.open = open; });
      button.textContent = open ? "close all" : "open all";
    });
  }
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") {
      target.hidden = false;
      target.open = true;
      target.scrollIntoView();
    }
  };
  window.addEventListener("hashchange", follow);
  follow();
})();
