"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };

  document.head.append(make("style", "", `
.toggles { display: flex; flex-wrap: wrap; gap: .4rem; margin: .4rem 0; }
.toggles button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: .3rem; padding: .2rem .6rem; cursor: pointer; max-width: 100%; overflow-wrap: anywhere; text-align: left; }
.toggles button[aria-pressed="false"] { opacity: .75; text-decoration: line-through; background: none; border-style: dashed; }
.tip { position: fixed; z-index: 9; max-width: min(20rem, 90vw); padding: .3rem .6rem; font-size: .85rem; color: var(--back); background: var(--ink); border-radius: .3rem; pointer-events: none; opacity: 0; overflow-wrap: anywhere; }
.tip.shown { opacity: 1; }
figure svg:focus-visible { outline-offset: -2px; }
@media (prefers-reduced-motion: no-preference) { .tip { transition: opacity .12s; } }
@media print { .toggles, .tip { display: none; } }`));

  const tip = make("div", "tip", "");
  tip.setAttribute("role", "status");
  document.body.append(tip);
  const ring = document.createElementNS(SVG, "circle");
  for (const [name, value] of [["r", 7], ["fill", "none"], ["stroke", "currentColor"], ["stroke-width", 1.5]]) ring.setAttribute(name, value);
  ring.style.pointerEvents = "none";

  const marks = new Map();
  const visible = (svg) => marks.get(svg).filter((mark) => mark.group.style.display !== "none").map((mark) => mark.point);
  let now = null;
  const hide = () => { now = null; tip.classList.remove("shown"); tip.textContent = ""; ring.remove(); };

  const show = (svg, point) => {
    now = [svg, point];
    const at = new DOMPoint(point[0], point[1]).matrixTransform(svg.getScreenCTM());
    ring.setAttribute("cx", point[0]);
    ring.setAttribute("cy", point[1]);
    svg.append(ring);
    // Points that lie on each other are read together.
    const words = visible(svg).filter((other) => Math.hypot(other[0] - point[0], other[1] - point[1]) < 1.5).map((other) => other[2]);
    const said = [...new Set(words)].join("; ");
    if (tip.textContent !== said) tip.textContent = said;
    tip.classList.add("shown");
    const box = tip.getBoundingClientRect(), width = document.documentElement.clientWidth;
    tip.style.left = Math.max(4, Math.min(at.x + 12, width - box.width - 4)) + "px";
    tip.style.top = (at.y > box.height + 16 ? at.y - box.height - 12 : at.y + 14) + "px";
  };

  for (const svg of document.querySelectorAll("figure svg")) {
    const groups = [...svg.querySelectorAll("g.series")];
    if (!groups.length) continue;
    marks.set(svg, groups.flatMap((group) => JSON.parse(group.dataset.points).map((point) => ({ group, point }))));
    // Browsers would show titles by themselves, and over the tip.
    for (const title of svg.querySelectorAll("title")) {
      const words = document.createElementNS(SVG, "desc");
      if (title.id) words.id = title.id;
      words.textContent = title.textContent;
      title.replaceWith(words);
    }

    let current = null;
    svg.tabIndex = 0;
    const move = (event) => {
      const to = svg.getScreenCTM();
      let best = null, least = 40;
      for (const point of visible(svg)) {
        const at = new DOMPoint(point[0], point[1]).matrixTransform(to);
        const far = Math.hypot(at.x - event.clientX, at.y - event.clientY);
        if (far < least) [best, least] = [point, far];
      }
      if (best) show(svg, current = best); else hide();
    };
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerdown", move);
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const all = visible(svg);
      if (event.key === "Escape") hide();
      if (!step || !all.length) return;
      event.preventDefault();
      const place = all.indexOf(current);
      current = all[place < 0 ? 0 : (place + step + all.length) % all.length];
      show(svg, current);
    });
    svg.addEventListener("focus", () => {
      const all = visible(svg);
      if (all.length && svg.matches(":focus-visible")) show(svg, current = all.includes(current) ? current : all[0]);
    });

    const names = [...new Set(groups.map((group) => group.dataset.series).filter(Boolean))];
    if (names.length < 2) continue;
    const bar = make("div", "toggles", "");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Series shown");
    for (const name of names) {
      const button = make("button", "", name);
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") === "true";
        button.setAttribute("aria-pressed", String(!pressed));
        for (const group of groups) if (group.dataset.series === name) group.style.display = pressed ? "none" : "";
        hide();
      });
      bar.append(button);
    }
    (svg.closest(".figure") ?? svg).after(bar);
  }
  addEventListener("scroll", () => { if (now) show(...now); }, { capture: true, passive: true });

  let opened = [];
  addEventListener("beforeprint", () => {
    hide();
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
    opened = [];
  });
})();
