// Elements, numbers and packed data. Text from records only ever enters through text nodes and attributes.
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

async function unpackText(packed) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}
const unpack = async (packed) => JSON.parse(await unpackText(packed));

const MINUS = "\u2212", DASH = "\u2013";
function num(value, digits = 2) {
  if (value === null || value === undefined) return DASH;
  if (typeof value !== "number") return String(value);
  const text = value.toFixed(digits);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text.replace("-", MINUS);
}
const signed = (value, digits = 2) => (value > 0 ? "+" : "") + num(value, digits);
const clock = (seconds) => seconds >= 5400 ? `${num(seconds / 3600, 1)} h` : seconds >= 90 ? `${num(seconds / 60, 0)} min` : `${num(seconds, 0)} s`;

// A table from plain rows: header cells, then body; a cell is text or [text, class].
function grid(caption, heads, rows, foot) {
  const cell = (tag, value, extra) => Array.isArray(value) ? h(tag, { class: value[1], ...extra }, value[0]) : h(tag, extra, value);
  return h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": caption },
    h("table", { class: "plain" }, h("caption", null, caption),
      h("thead", null, h("tr", null, heads.map((x) => cell("th", x, { scope: "col" })))),
      h("tbody", null, rows.map((row) => h("tr", { class: row.className || null }, row.map((x, k) => k ? cell("td", x) : cell("th", x, { scope: "row" }))))),
      foot && h("tfoot", null, h("tr", null, foot.map((x, k) => k ? cell("td", x) : cell("th", x, { scope: "row" }))))));
}
const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => [h("dt", null, k), h("dd", null, v)]));
