// Whoever can't see, can't point, or sees little: what is in their way on this page, one sentence each.
const wrong = [];
const name = (el) => `<${el.tagName.toLowerCase()} id="${el.id}" class="${el.getAttribute("class") ?? ""}">`;
const seen = (el) => {
  const box = el.getBoundingClientRect(), style = getComputedStyle(el);
  return box.width > 0 && box.height > 0 && style.visibility !== "hidden" && style.clipPath === "none";
};
const textOf = (ids) => (ids ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();

if (!document.documentElement.lang) wrong.push("no language");
if (!document.title) wrong.push("no title");
for (const [what, n] of [["main", 1], ["h1", 1], ["header", 1], ["footer", 1]]) {
  if (document.querySelectorAll(what).length !== n) wrong.push(`not ${n} of ${what}`);
}
for (const el of document.querySelectorAll("input:not([type=hidden]):not([hidden]), select, textarea, progress")) {
  const label = el.labels?.length ? el.labels[0].textContent.trim() : "";
  if (!label && !el.getAttribute("aria-label") && !textOf(el.getAttribute("aria-labelledby"))) wrong.push(`no label: ${name(el)}`);
}
for (const el of document.querySelectorAll("img, svg[role=img]")) {
  if (!el.getAttribute("alt") && !el.getAttribute("aria-label") && !textOf(el.getAttribute("aria-labelledby"))) wrong.push(`no name: ${name(el)}`);
}
for (const el of document.querySelectorAll("svg:not([role=img])")) {
  if (el.getAttribute("aria-hidden") !== "true") wrong.push(`a picture without a role: ${name(el)}`);
}
for (const el of document.querySelectorAll("a[href], button, summary")) {
  if (!el.textContent.trim() && !el.getAttribute("aria-label")) wrong.push(`nothing to say: ${name(el)}`);
}
for (const el of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
  for (const id of [el.getAttribute("aria-labelledby"), el.getAttribute("aria-describedby")].join(" ").trim().split(/\s+/)) {
    if (!document.getElementById(id)) wrong.push(`${name(el)} names #${id}, which is not there`);
  }
}
const ids = [...document.querySelectorAll("[id]")].map((el) => el.id);
ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => wrong.push(`twice: #${id}`));
let level = 0;
for (const el of document.querySelectorAll("h1, h2, h3, h4")) {
  const its = Number(el.tagName[1]);
  if (its > level + 1) wrong.push(`h${its} after h${level}: ${el.textContent}`);
  level = its;
}
for (const el of document.querySelectorAll("table th")) {
  if (!el.getAttribute("scope")) wrong.push(`no scope: ${name(el)} ${el.textContent}`);
}
for (const el of document.querySelectorAll("table")) {
  if (!el.caption && !el.getAttribute("aria-label") && !el.closest("figure")) wrong.push(`a table without a name`);
}

// Contrast (WCAG 2, 1.4.3) of each text against what is painted behind it.
const parse = (colour) => {
  const parts = (colour.match(/[\d.]+/g) ?? ["0", "0", "0", "0"]).map(Number);
  return parts.length < 4 ? [...parts, 1] : parts;
};
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (el) => {
  for (let at = el; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [255, 255, 255, 1];
};
for (const el of document.querySelectorAll("body *")) {
  const own = [...el.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const isField = el.matches("input:not([type=hidden]):not([hidden]), select, textarea");
  if ((!own && !isField) || !seen(el) || el.tagName === "title" || el.closest("option, script, style")) continue;
  const style = getComputedStyle(el), svg = el.closest("svg");
  const [a, b] = [light(parse(svg ? style.fill : style.color)), light(behind(svg ?? el))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${name(el)} ${el.textContent.trim().slice(0, 40)}`);
}
const page = document.scrollingElement;
if (page.scrollWidth > innerWidth) {
  const wide = [...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > innerWidth + 1 && !el.parentElement.closest(".scroll, pre"));
  wrong.push(`it has to be moved sideways, ${page.scrollWidth} > ${innerWidth}: ${wide.slice(0, 3).map(name)}`);
}
return [...new Set(wrong)];
