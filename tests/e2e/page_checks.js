// What a person would call broken on the page that is open: a list of sentences, empty where all is well.
const found = [];
const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const words = (element) => (element.textContent || "").trim().replace(/\s+/g, " ").slice(0, 60);
const inScroller = (element) => element.closest(".scroll") !== null;
const width = document.documentElement.clientWidth;
const overlap = (a, b) => [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];

if (document.documentElement.scrollWidth > width) found.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} > ${width}`);

const elements = [...document.querySelectorAll("body *")].filter((e) => !e.closest("svg") && !e.closest(".tip") && shown(e));
for (const element of elements) {
  const style = getComputedStyle(element);
  const hides = ["hidden", "clip"].includes(style.overflowX) || ["hidden", "clip"].includes(style.overflowY);
  if (hides && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1)) found.push(`clipped: ${words(element)}`);
  const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const box = element.getBoundingClientRect();
  if (hasText && !inScroller(element) && (box.right > width + 1 || box.left < -1)) found.push(`beyond the edge: ${words(element)}`);
  if (!hasText || element.closest("script, style")) continue;
  const ratio = contrastOf(element, style);
  if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${words(element)}`);
}

// Blocks that follow each other.
for (const parent of document.querySelectorAll("body, header, main, section, figure, .verdict, details[open], dl, ul, tbody")) {
  const blocks = [...parent.children].filter((e) => shown(e) && !e.matches("script, .tip") && e.getBoundingClientRect().height > 0);
  for (let i = 1; i < blocks.length; i++) {
    const [across, down] = overlap(blocks[i - 1].getBoundingClientRect(), blocks[i].getBoundingClientRect());
    if (across > 1 && down > 1) found.push(`blocks overlap by ${down.toFixed(0)}: ${words(blocks[i - 1])} / ${words(blocks[i])}`);
  }
}

for (const svg of document.querySelectorAll("figure svg")) {
  if (!shown(svg)) continue;
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter(shown).map((text) => [text, text.getBoundingClientRect()]);
  const name = svg.getAttribute("aria-labelledby");
  texts.forEach(([text, box], i) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) found.push(`${name}: runs out of the picture: ${words(text)}`);
    for (const [other, its] of texts.slice(i + 1)) {
      const [across, down] = overlap(box, its);
      if (across > 2 && down > 2) found.push(`${name}: words overlap by ${across.toFixed(1)} x ${down.toFixed(1)}: ${words(text)} / ${words(other)}`);
    }
    if (contrastOf(text, { color: getComputedStyle(text).fill }) < 4.5) found.push(`${name}: contrast of ${words(text)}`);
  });
}
return found;

function rgba(text) { return (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number); }
function luminance(colour) {
  const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
}
function contrastOf(element, style) {
  const pair = [luminance(rgba(style.color)), luminance(behind(element))].sort((a, b) => a - b);
  return (pair[1] + 0.05) / (pair[0] + 0.05);
}
