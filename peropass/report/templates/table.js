// The ranking table: columns, sorting, filters, and a window of rows where there are many.
const VERDICTS = { "healed": "\u25cf", "no-trap-to-heal": "\u2013", "partly": "\u25d0", "unchanged": "\u25cb", "undecided": "?", "worse": "\u25b2" };
const STATUSES = { ok: "\u2713 done", unconverged: "~ unconverged", anomalous: "! anomalous", failed: "\u2715 failed", skipped: "\u2192 skipped", missing: "\u2205 missing" };
const COLUMNS = [
  { id: "rank", title: "Rank", sub: "interval", kind: "rank", fixed: true, tip: "rank within the socket; 5th to 95th percentile over the errors" },
  { id: "label", title: "Candidate", sub: "ligand", kind: "name", fixed: true },
  { id: "ligand_class", title: "Class", kind: "text" },
  { id: "host", title: "Host", kind: "text", several: true },
  { id: "termination", title: "Termination", kind: "text", several: true },
  { id: "site", title: "Site", kind: "text", several: true },
  { id: "status", title: "Status", kind: "status" },
  { id: "vs_native_eV", title: "vs native", sub: "eV", kind: "energy", error: "vs_native_error_eV", good: -1, tip: "binding against the native ligand on the same socket" },
  { id: "binding_energy_eV", title: "Binding", sub: "eV", kind: "energy", error: "binding_error_eV", good: -1 },
  { id: "lability_eV", title: "Lability", sub: "eV", kind: "energy", error: "lability_error_eV", good: 1, tip: "free energy of the cheapest desorption channel" },
  { id: "trap_verdict", title: "Trap", sub: "verdict", kind: "verdict" },
  { id: "gap_eV", title: "Gap", sub: "eV", kind: "number", digits: 2 },
  { id: "distortion", title: "Shift", sub: "\u00c5, surface", kind: "number", digits: 2, tip: "largest shift of a surface atom against the clean slab" },
  { id: "score", title: "Score", kind: "number", digits: 3 },
  { id: "pareto_front", title: "Front", kind: "number", digits: 0 },
  { id: "exchange_eV", title: "Exchange", sub: "eV", kind: "energy", good: -1, off: true },
  { id: "dispersion_share_eV", title: "Dispersion", sub: "eV of binding", kind: "energy", good: -1, off: true },
  { id: "dispersion_cs_eV", title: "Cs pairs", sub: "eV of dispersion", kind: "energy", good: -1, off: true },
  { id: "n_traps", title: "Traps", kind: "number", digits: 0, off: true },
  { id: "ligand_levels", title: "Ligand levels", sub: "in the gap", kind: "number", digits: 0, off: true },
  { id: "chain_length_ang", title: "Length", sub: "\u00c5", kind: "number", digits: 1, off: true },
  { id: "migration_barrier_eV", title: "Hop barrier", sub: "eV", kind: "number", digits: 2, off: true, tip: "halide-vacancy hop next to the ligand" },
  { id: "t", title: "t", kind: "number", digits: 3, off: true },
  { id: "mu", title: "\u03bc", kind: "number", digits: 3, off: true },
  { id: "tau", title: "\u03c4", kind: "number", digits: 2, off: true },
  { id: "weights_rank_high", title: "Ranks", sub: "other weights", kind: "span", off: true },
  { id: "n_atoms", title: "Atoms", kind: "number", digits: 0, off: true },
  { id: "core_seconds", title: "Cost", sub: "core-s", kind: "number", digits: 0, off: true },
  { id: "candidate", title: "Id", kind: "text", off: true },
  { id: "reason", title: "Reason", kind: "text", off: true },
];
const FILTERS = [["ligand_class", "Class"], ["host", "Host"], ["termination", "Termination"], ["site", "Site"], ["status", "Status"]];
const WINDOW_ABOVE = 300, ROW_PX = 30, OVERSCAN = 8;

const Table = {
  sort: { id: "rank", down: false }, order: [], rowNodes: new Map(), first: -1, windowed: false, printing: false,

  start(state) {
    this.state = state;
    const c = state.data.columns;
    this.visible = new Set(COLUMNS.filter((k) => !k.off && (!k.several || new Set(c[k.id]).size > 1) && (k.id !== "status" || c.status.some((v) => v !== "ok"))).map((k) => k.id));
    this.domains = {};
    for (const column of COLUMNS.filter((k) => k.kind === "energy")) this.domains[column.id] = domain(c[column.id], column.error && c[column.error]);
    this.text = c.label.map((label, i) => [label, c.candidate[i], c.model_smiles[i], c.ligand_class[i], c.reason[i]].join("\n").toLowerCase());
    this.lower = {};
    this.buildFilters();
    this.buildColumns();
    (window.requestIdleCallback || setTimeout)(() => { for (const id of ["label", "ligand_class", "site", "status"]) this.lower[id] ||= places(c[id]); });
    $("scroller").addEventListener("scroll", () => this.paint(), { passive: true });
    $("q").addEventListener("input", () => this.refresh());
    $("csv").addEventListener("click", () => this.download());
    window.addEventListener("beforeprint", () => { this.printing = true; this.paint(true); });
    window.addEventListener("afterprint", () => { this.printing = false; this.paint(true); });
  },

  buildFilters() {
    this.selects = {};
    for (const [id, title] of FILTERS) {
      const values = [...new Set(this.state.data.columns[id])].sort();
      const select = h("select", { id: "f-" + id, onchange: () => this.refresh() },
        h("option", { value: "" }, "all"), values.map((v) => h("option", { value: v }, v)));
      select.disabled = values.length < 2;
      this.selects[id] = select;
      $("filters").append(h("label", null, title + " ", select));
    }
  },

  buildColumns() {
    $("columns").append(...COLUMNS.filter((k) => !k.fixed).map((column) => {
      const box = h("input", { type: "checkbox", onchange: () => {
        box.checked ? this.visible.add(column.id) : this.visible.delete(column.id);
        this.refresh(true);
      } });
      box.checked = this.visible.has(column.id);
      return h("label", null, box, " ", column.title, column.sub ? h("span", { class: "quiet" }, ` (${column.sub})`) : "");
    }));
  },

  columns() { return COLUMNS.filter((k) => k.fixed || this.visible.has(k.id)); },

  header() {
    const row = h("tr", null, this.columns().map((column) => h("th", {
      scope: "col", class: ["energy", "number"].includes(column.kind) ? "n" : null,
      "aria-sort": this.sort.id === column.id ? (this.sort.down ? "descending" : "ascending") : "none",
    }, h("button", { type: "button", title: column.tip || null, "data-sort": column.id, onclick: () => this.sortBy(column.id) },
      h("b", null, column.title), column.sub ? h("small", null, column.sub) : ""))));
    $("table").tHead.replaceChildren(row);
  },

  sortBy(id) {
    const began = performance.now();
    const column = COLUMNS.find((k) => k.id === id);
    const bigFirst = ["score", "core_seconds"].includes(id) || column.good === 1;
    this.sort = { id, down: this.sort.id === id ? !this.sort.down : bigFirst };
    this.refresh(false, true);
    document.querySelector(`[data-sort="${id}"]`).focus({ preventScroll: true });
    window.peropass.sortMs = performance.now() - began;
  },

  keys() {
    const { id } = this.sort, { data, ranks, sockets } = this.state, values = data.columns[id];
    if (id === "rank") return ranks.map((r, i) => r === null ? null : sockets.indexOf(this.state.socketOf[i]) * 1e6 + r);
    if (id === "score") return this.state.scores;
    if (id === "trap_verdict") return values.map((v) => v === null ? null : Object.keys(VERDICTS).indexOf(v));
    if (typeof values.find((v) => v !== null) === "number") return values;
    return this.lower[id] ||= places(values);
  },

  // Recompute which rows show and in which order.
  refresh(rebuild = false, keepFilter = false) {
    const { data } = this.state, c = data.columns;
    if (!keepFilter || !this.kept) {
      const q = $("q").value.trim().toLowerCase();
      const active = FILTERS.filter(([id]) => this.selects[id].value).map(([id]) => [c[id], this.selects[id].value]);
      this.kept = [];
      for (let i = 0; i < data.n; i++) {
        if (q && !this.text[i].includes(q)) continue;
        if (active.every(([values, wanted]) => values[i] === wanted)) this.kept.push(i);
      }
    }
    const keys = this.keys(), sign = this.sort.down ? -1 : 1, ranks = this.state.ranks;
    this.order = this.kept.slice().sort((a, b) => {
      const x = keys[a], y = keys[b];
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return (x < y ? -sign : x > y ? sign : 0) || (ranks[a] ?? 1e9) - (ranks[b] ?? 1e9) || a - b;
    });
    if (rebuild) this.rowNodes.clear();
    this.windowed = this.order.length > WINDOW_ABOVE;
    this.header();
    $("scroller").scrollTop = this.windowed ? 0 : $("scroller").scrollTop;
    this.paint(true);
    $("count").textContent = `${this.order.length} of ${data.n} rows.`;
    this.state.changed();
  },

  paint(force = false) {
    const body = $("table").tBodies[0], n = this.order.length;
    let from = 0, to = n;
    if (this.windowed && !this.printing) {
      const box = $("scroller");
      from = Math.max(0, Math.floor(box.scrollTop / ROW_PX) - OVERSCAN);
      to = Math.min(n, from + Math.ceil((box.clientHeight || 700) / ROW_PX) + 2 * OVERSCAN);
      if (!force && Math.abs(from - this.first) < OVERSCAN / 2) return;
    } else if (!force) return;
    this.first = from;
    const rows = this.order.slice(from, to).map((i, k) => this.row(i, from + k));
    const span = this.columns().length;
    const spacer = (count) => count > 0 ? [h("tr", { "aria-hidden": "true", style: `height:${count * ROW_PX}px` }, h("td", { colspan: span, style: "border:0" }))] : [];
    body.replaceChildren(...spacer(from), ...rows, ...spacer(n - to));
    $("table").setAttribute("aria-rowcount", String(n + 1));
    if (this.windowed && this.rowNodes.size > 4 * WINDOW_ABOVE) this.rowNodes.clear();
  },

  row(i, position) {
    let node = this.rowNodes.get(i);
    if (!node) this.rowNodes.set(i, node = this.makeRow(i));
    node.setAttribute("aria-rowindex", position + 2);
    node.classList.toggle("picked", this.state.picked === i);
    const above = this.order[position - 1];
    node.classList.toggle("socket", this.sort.id === "rank" && above !== undefined && this.state.socketOf[above] !== this.state.socketOf[i]);
    const cell = node.querySelector(".rank");
    const tied = this.sort.id === "rank" && !this.state.moved;
    cell.classList.toggle("tie-up", tied && this.areTied(i, this.order[position - 1]));
    cell.classList.toggle("tie-down", tied && this.areTied(i, this.order[position + 1]));
    return node;
  },

  areTied(i, j) {
    if (j === undefined || this.state.socketOf[i] !== this.state.socketOf[j]) return false;
    const c = this.state.data.columns;
    return c.tied_with[i].includes(c.candidate[j]) || c.tied_with[j].includes(c.candidate[i]);
  },

  makeRow(i) {
    const c = this.state.data.columns, cells = [], columns = this.columns();
    const bare = c.status[i] !== "ok" && ["binding_energy_eV", "vs_native_eV", "gap_eV", "score"].every((id) => c[id][i] === null);
    for (let k = 0; k < columns.length; k++) {
      cells.push(this.cell(columns[k], i));
      if (bare && columns[k].id === "status" && k + 1 < columns.length) {
        cells.push(h("td", { class: "reason", colspan: columns.length - k - 1, title: c.reason[i] }, c.reason[i] || "no reason recorded"));
        break;
      }
    }
    return h("tr", { "data-row": i, onmouseenter: () => this.showTies(i), onmouseleave: () => this.showTies(null) }, cells);
  },

  cell(column, i) {
    const c = this.state.data.columns, value = c[column.id][i];
    switch (column.kind) {
      case "rank": return h("td", { class: "rank" }, this.rankCell(i));
      case "name": return h("th", { scope: "row" }, h("div", { title: value }, this.nameCell(value, i),
        c.role[i] !== "candidate" ? h("span", { class: "tag" }, c.role[i]) : ""));
      case "status": return h("td", { class: `st st-${value}`, title: c.reason[i] || null }, STATUSES[value] || value);
      case "verdict": return h("td", null, value === null ? DASH : [h("span", { "aria-hidden": "true" }, VERDICTS[value] || "?"), " ", value]);
      case "energy": return h("td", { class: "n" }, this.energyCell(column, i));
      case "span": return h("td", null, value === null ? DASH : `${c.weights_rank_low[i]}${DASH}${value}`);
      case "number": return h("td", { class: "n" }, num(column.id === "score" ? this.state.scores[i] : value, column.digits));
      default: return h("td", null, value ?? DASH);
    }
  },

  // what was computed comes first, what it stands for behind it
  nameCell(label, i) {
    const at = label.lastIndexOf(" (model "), full = at < 0 ? label : label.slice(0, at);
    const named = at < 0 ? "" : label.slice(at + " (model ".length, -1), model = named.startsWith("zwitterion-") ? "" : named;
    const button = h("button", { type: "button", "aria-label": label, onclick: () => this.state.open(i) }, model || full);
    return model ? [button, h("span", { class: "stands-for" }, full)] : [button];
  },

  rankCell(i) {
    const c = this.state.data.columns, rank = this.state.ranks[i], was = c.rank[i];
    if (rank === null) return h("span", { class: "quiet" }, DASH);
    const [low, high] = [c.rank_low[i], c.rank_high[i]], most = this.state.mostRank;
    if (this.state.moved) {
      const shift = was - rank;
      return h("span", { class: "cell" }, h("b", { class: "v" }, rank), shift ? h("span", { class: "delta" }, `${shift > 0 ? "\u25b2" : "\u25bc"}${Math.abs(shift)} (was ${was})`) : "");
    }
    const x = (r) => most > 1 ? 3 + 38 * (r - 1) / (most - 1) : 22;
    return h("span", { class: "cell", title: c.tied_with[i].length ? `tied with ${some(c.tied_with[i])}` : null },
      h("b", { class: "v" }, rank), h("span", { class: "e" }, low === high ? "" : `${low}${DASH}${high}`),
      s("svg", { width: 44, height: 12, "aria-hidden": "true" },
        s("line", { x1: 3, x2: 41, y1: 6, y2: 6, stroke: "var(--hair)" }),
        s("line", { x1: x(low), x2: x(high), y1: 6, y2: 6, stroke: "var(--grey)", "stroke-width": 4 }),
        s("circle", { cx: x(rank), cy: 6, r: 3, fill: "var(--ink)" })),
      c.tied_with[i].length ? h("span", { class: "tag" }, `= ${c.tied_with[i].length}`, h("span", { class: "visually-hidden" }, ` tied with ${some(c.tied_with[i])}`)) : "");
  },

  energyCell(column, i) {
    const c = this.state.data.columns, value = c[column.id][i];
    if (value === null) return h("span", { class: "quiet" }, DASH);
    const error = column.error ? c[column.error][i] : null;
    return h("span", { class: "cell" }, h("span", { class: "v" }, num(value)), h("span", { class: "e" }, error === null ? "" : `\u00b1${num(error)}`),
      bar(value, error, this.domains[column.id], column.good));
  },

  showTies(i) {
    for (const node of $("table").tBodies[0].rows) {
      const j = Number(node.dataset.row);
      node.classList.toggle("tied", i !== null && j !== i && node.dataset.row !== undefined && this.areTied(i, j));
    }
  },

  pick(i, scroll = false) {
    const position = this.order.indexOf(i), box = $("scroller");
    if (scroll && position >= 0) box.scrollTop = Math.max(0, position * ROW_PX - box.clientHeight / 2);
    this.paint(true);
  },

  download() {
    const c = this.state.data.columns, names = Object.keys(c).filter((name) => name !== "scaled");
    const quote = (v) => v === null ? "" : /[",\n]/.test(v = Array.isArray(v) ? v.join("; ") : String(v)) ? `"${v.replaceAll('"', '""')}"` : v;
    const lines = [names.join(","), ...this.order.map((i) => names.map((name) => quote(name === "rank" ? this.state.ranks[i] : c[name][i])).join(","))];
    const link = h("a", { href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })), download: `${CAMPAIGN}.csv` });
    link.click();
    URL.revokeObjectURL(link.href);
  },
};

// Place of each text in alphabetical order, equal texts alike: numbers sort faster than texts.
function places(values) {
  const lower = values.map((v) => v === null ? null : String(v).toLowerCase()), place = new Map();
  [...new Set(lower)].filter((v) => v !== null).sort().forEach((v, k) => place.set(v, k));
  return lower.map((v) => v === null ? null : place.get(v));
}

function domain(values, errors) {
  let low = 0, high = 0;
  values.forEach((v, i) => {
    if (v === null) return;
    const e = errors ? errors[i] || 0 : 0;
    low = Math.min(low, v - e);
    high = Math.max(high, v + e);
  });
  return high > low ? [low, high] : [0, 1];
}

// A bar from zero to the value with its standard error; blue on the favourable side of zero.
function bar(value, error, [low, high], good) {
  const W = 40, x = (v) => 2 + (W - 4) * (v - low) / (high - low);
  const left = Math.min(x(0), x(value)), colour = Math.sign(value) === good ? "var(--blue)" : "var(--orange)";
  return s("svg", { width: W, height: 14, "aria-hidden": "true", class: "bar" },
    s("rect", { x: left, y: 3, width: Math.max(.5, Math.abs(x(value) - x(0))), height: 8, fill: colour, opacity: .75 }),
    s("line", { x1: x(0), x2: x(0), y1: 0, y2: 14, stroke: "var(--ink)" }),
    error ? s("path", { d: `M${x(value - error)} 7H${x(value + error)}M${x(value - error)} 4V10M${x(value + error)} 4V10`, stroke: "var(--ink)", fill: "none" }) : null);
}
