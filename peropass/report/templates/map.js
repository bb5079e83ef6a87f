// Scatter of any two axes with a third as colour; rings mark the Pareto front of the axes shown; each point opens its card.
// Third entry: which end is better, as in the ranking; none where neither is.
const MAP_AXES = [
  ["vs_native_eV", "vs native / eV", "lower"], ["lability_eV", "lability / eV", "higher"], ["binding_energy_eV", "binding / eV", "lower"], ["trap_verdict", "trap verdict", "lower"],
  ["distortion", "surface shift / \u00c5", "lower"], ["chain_length_ang", "chain length / \u00c5", "lower"], ["gap_eV", "gap / eV"], ["exchange_eV", "exchange / eV", "lower"],
  ["migration_barrier_eV", "hop barrier / eV", "higher"], ["dispersion_share_eV", "dispersion share / eV"], ["score", "score", "higher"], ["tau", "\u03c4", "lower"], ["n_atoms", "atoms"],
];
// Steps of the trap verdict in the ranking: nothing to heal is as good as healed, undecided has no place.
const TRAP_STEPS = { "healed": 0, "no-trap-to-heal": 0, "partly": 1, "unchanged": 2, "worse": 3 };
const REDRAW_AT_ONCE = 1000; // rows; more are drawn once the hand rests
const PALETTE = ["var(--blue)", "var(--vermilion)", "var(--green)", "var(--purple)", "var(--orange)", "var(--sky)", "var(--yellow)", "var(--grey)"];
const SHAPES = [
  (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`, (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}Z`, (r) => `M0 ${-1.3 * r}L${1.2 * r} ${r}H${-1.2 * r}Z`,
  (r) => `M0 ${-1.35 * r}L${1.35 * r} 0L0 ${1.35 * r}L${-1.35 * r} 0Z`, (r) => `M0 ${1.3 * r}L${1.2 * r} ${-r}H${-1.2 * r}Z`,
  (r) => `M${-.4 * r} ${-1.2 * r}h${.8 * r}v${.8 * r}h${.8 * r}v${.8 * r}h${-.8 * r}v${.8 * r}h${-.8 * r}v${-.8 * r}h${-.8 * r}v${-.8 * r}h${.8 * r}Z`,
  (r) => `M${-1.2 * r} ${-.6 * r}h${2.4 * r}v${1.2 * r}h${-2.4 * r}Z`, (r) => `M${-.6 * r} ${-1.2 * r}h${1.2 * r}v${2.4 * r}h${-1.2 * r}Z`,
];
const CIVIDIS = [[0, 34, 78], [66, 78, 108], [124, 123, 120], [188, 174, 108], [254, 232, 56]];
function cividis(t) {
  const x = Math.max(0, Math.min(.9999, t)) * 4, k = Math.floor(x);
  return `rgb(${CIVIDIS[k].map((v, c) => Math.round(v + (CIVIDIS[k + 1][c] - v) * (x - k))).join(",")})`;
}

const Map2 = {
  start(state) {
    this.state = state;
    const c = state.data.columns;
    const known = MAP_AXES.filter(([id]) => c[id].some((v) => v !== null));
    const options = (list) => list.map(([id, title]) => h("option", { value: id }, title));
    $("map-x").append(...options(known));
    $("map-y").append(...options(known));
    $("map-c").append(h("option", { value: "ligand_class" }, "class"), ...options(known));
    if (known.length > 1) $("map-y").value = known[1][0];
    for (const id of ["map-x", "map-y", "map-c"]) $(id).addEventListener("change", () => { this.draw(); state.changed(); });
    this.seen = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) { this.seen.disconnect(); this.shown = true; this.draw(); } }, { rootMargin: "300px" });
    this.seen.observe($("plot"));
  },

  values(id) {
    const c = this.state.data.columns;
    if (id === "trap_verdict") return c[id].map((v) => v === null ? null : Object.keys(VERDICTS).indexOf(v));
    return id === "score" ? this.state.scores : c[id];
  },

  redraw() {
    clearTimeout(this.later);
    if (this.state.data.n <= REDRAW_AT_ONCE) this.draw();
    else this.later = setTimeout(() => this.draw(), 150);
  },

  // Ranked rows that no other of their socket beats on the axes shown; null where an axis has no better end.
  front(ids, rows) {
    const better = ids.map((id) => MAP_AXES.find(([k]) => k === id)[2]);
    if (!better.every(Boolean)) return null;
    const c = this.state.data.columns;
    const costs = ids.map((id, k) => (id === "trap_verdict" ? c[id].map((v) => TRAP_STEPS[v] ?? null) : this.values(id).map((v) => v === null ? null : better[k] === "lower" ? v : -v)));
    const sockets = new Map(), kept = new Set();
    for (const i of rows) {
      if (c.rank[i] === null || costs.some((q) => q[i] === null)) continue;
      if (!sockets.has(this.state.socketOf[i])) sockets.set(this.state.socketOf[i], []);
      sockets.get(this.state.socketOf[i]).push(costs.map((q) => q[i]).concat(i));
    }
    for (const members of sockets.values()) {
      const first = [];
      members.sort((a, b) => { const k = ids.findIndex((_, n) => a[n] !== b[n]); return k < 0 ? 0 : a[k] - b[k]; });
      for (const m of members) if (!first.some((f) => ids.every((_, k) => f[k] <= m[k]) && ids.some((_, k) => f[k] < m[k]))) first.push(m);
      for (const m of first) kept.add(m[ids.length]);
    }
    return kept;
  },

  draw() {
    if (!this.shown) return;
    const { data } = this.state, c = data.columns, [ix, iy, ic] = ["map-x", "map-y", "map-c"].map((id) => $(id).value);
    if (!ix || !iy) { $("plot").replaceChildren(h("p", { class: "quiet" }, "Nothing to map: no row has two axes.")); return; }
    const X = this.values(ix), Y = this.values(iy), C = ic === "ligand_class" ? null : this.values(ic);
    const chosen = new Set(Table.kept);
    const points = [...Array(data.n).keys()].filter((i) => X[i] !== null && Y[i] !== null && chosen.has(i));
    const W = 980, H = 460, L = 104, R = 20, T = 12, B = 46;
    const crowded = points.length > 400, r = crowded ? 3 : 5.5;
    const reach = (id, V) => points.flatMap((i) => { const e = crowded ? 0 : this.error(id, i) || 0; return [V[i] - e, V[i] + e]; });
    const [x0, x1] = extent(reach(ix, X)), [y0, y1] = extent(reach(iy, Y));
    const x = (v) => L + (W - L - R) * (v - x0) / (x1 - x0), y = (v) => H - B - (H - B - T) * (v - y0) / (y1 - y0);
    const classes = [...new Set(c.ligand_class)].sort();
    const [c0, c1] = C ? extent(points.map((i) => C[i]), 0) : [0, 1];
    const colour = (i) => C ? (C[i] === null ? "none" : cividis((C[i] - c0) / (c1 - c0 || 1))) : PALETTE[classes.indexOf(c.ligand_class[i]) % 8];
    const shownAxes = C ? [ix, iy, ic] : [ix, iy], front = this.front([...new Set(shownAxes)], points);
    $("map-note").textContent = front ? `Rings: Pareto front of the ${shownAxes.length > 2 ? "three" : "two"} axes shown, in each socket.` : "No Pareto front: one of these axes has no better end.";
    const named = (id) => MAP_AXES.find(([k]) => k === id)[1];
    const axis = (id, low, high) => id === "trap_verdict" ? Object.keys(VERDICTS).map((v, k) => [k, v]).filter(([k]) => k >= low && k <= high) : ((t) => t.map((v) => [v, tickText(v, t)]))(ticks(low, high, 7));
    const errors = crowded ? "" : points.map((i) => this.errorPath(ix, iy, i, x, y, X, Y)).join("");
    const marks = points.map((i, k) => this.point(i, k, x(X[i]), y(Y[i]), r, colour(i), SHAPES[classes.indexOf(c.ligand_class[i]) % 8], ix, iy, front !== null && front.has(i)));
    const svg = s("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "group", "aria-label": `Map of ${points.length} candidates: ${named(ix)} against ${named(iy)}` },
      axis(ix, x0, x1).map(([v, t]) => [s("line", { class: "grid", x1: x(v), x2: x(v), y1: T, y2: H - B }), s("text", { class: "tick", x: x(v), y: H - B + 16, "text-anchor": "middle" }, t)]),
      axis(iy, y0, y1).map(([v, t]) => [s("line", { class: "grid", x1: L, x2: W - R, y1: y(v), y2: y(v) }), s("text", { class: "tick", x: L - 7, y: y(v) + 4, "text-anchor": "end" }, t)]),
      s("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }),
      s("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle", "font-weight": 600 }, named(ix)),
      s("text", { transform: `translate(14 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle", "font-weight": 600 }, named(iy)),
      s("path", { d: errors, stroke: "var(--grey)", fill: "none" }), marks,
      crowded ? null : points.map((i) => s("text", { class: "quiet", x: x(X[i]) + 9, y: y(Y[i]) - 6, "aria-hidden": "true", "pointer-events": "none" }, points.length > 40 ? "" : c.candidate[i])));
    const legend = C ? h("div", { class: "legend" }, `${named(ic)}: ${num(c0)} `, s("svg", { width: 120, height: 10, "aria-hidden": "true" }, [...Array(24).keys()].map((k) => s("rect", { x: 5 * k, width: 5.5, height: 10, fill: cividis(k / 23) }))), ` ${num(c1)}`)
      : h("div", { class: "legend" }, classes.map((name, k) => h("span", null, s("svg", { width: 14, height: 14, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { d: SHAPES[k % 8](5), fill: PALETTE[k % 8] })), name)));
    $("plot").replaceChildren(legend, svg);
    this.nodes = marks;
  },

  error(id, i) {
    const name = (COLUMNS.find((k) => k.id === id) || {}).error;
    return name ? this.state.data.columns[name][i] : null;
  },

  errorPath(ix, iy, i, x, y, X, Y) {
    const ex = this.error(ix, i), ey = this.error(iy, i);
    return (ex ? `M${x(X[i] - ex)} ${y(Y[i])}H${x(X[i] + ex)}` : "") + (ey ? `M${x(X[i])} ${y(Y[i] - ey)}V${y(Y[i] + ey)}` : "");
  },

  point(i, k, px, py, r, colour, shape, ix, iy, ringed) {
    const c = this.state.data.columns;
    const text = `${c.label[i]}, rank ${this.state.ranks[i] ?? "none"}: ${num(c[ix][i] ?? this.values(ix)[i])}, ${num(c[iy][i] ?? this.values(iy)[i])}${ringed ? ", on the Pareto front" : ""}`;
    return s("g", { class: "point" + (this.state.picked === i ? " picked" : ""), "data-row": i, transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})`, tabindex: k ? -1 : 0, role: "button", "aria-label": text,
      onclick: () => this.state.open(i), onfocus: () => this.state.pick(i, true), onkeydown: (e) => this.key(e, i) },
    s("title", null, text), ringed ? s("path", { d: shape(r + 4), fill: "none", stroke: "var(--ink)" }) : null, s("path", { class: "mark", d: shape(r), fill: colour, stroke: "var(--paper)" }));
  },

  key(event, i) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.state.open(i); }
    if (!step) return;
    event.preventDefault();
    const at = this.nodes.findIndex((n) => Number(n.dataset.row) === i), next = this.nodes[(at + step + this.nodes.length) % this.nodes.length];
    this.nodes[at].setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  },

  pick(i) {
    for (const node of this.nodes || []) node.classList.toggle("picked", Number(node.dataset.row) === i);
  },
};

// Rank spans under other weights, one line per ranked candidate.
function stability(state) {
  const c = state.data.columns, rows = [...Array(state.data.n).keys()].filter((i) => c.rank[i] !== null && c.weights_rank_low[i] !== null);
  if (!rows.length) return h("p", { class: "quiet" }, "The ranking holds no rank spans under other weights.");
  rows.sort((a, b) => c.rank[a] - c.rank[b]);
  const shown = rows.slice(0, 60), W = 760, L = 230, R = 20, H = 17, most = Math.max(2, ...shown.map((i) => c.weights_rank_high[i]));
  const x = (r) => L + (W - L - R) * (r - 1) / (most - 1), height = shown.length * H + 40, marks = ticks(1, most, 8).filter(Number.isInteger);
  return [s("svg", { viewBox: `0 0 ${W} ${height}`, width: W, height, role: "img", "aria-label": "Span of each rank under other weights" },
    marks.map((t) => [s("line", { class: "grid", x1: x(t), x2: x(t), y1: 4, y2: height - 34 }), s("text", { class: "tick", x: x(t), y: height - 20, "text-anchor": "middle" }, t)]),
    shown.map((i, k) => [s("text", { x: L - 10, y: k * H + 16, "text-anchor": "end" }, c.candidate[i].slice(0, 34)),
      s("line", { x1: x(c.weights_rank_low[i]), x2: x(c.weights_rank_high[i]), y1: k * H + 12, y2: k * H + 12, stroke: "var(--sky)", "stroke-width": 6, "stroke-linecap": "round" }),
      s("circle", { cx: x(c.rank[i]), cy: k * H + 12, r: 3.5, fill: "var(--ink)" })]),
    s("text", { x: (L + W) / 2, y: height - 3, "text-anchor": "middle" }, "rank: dot as configured, bar under other weights")),
  rows.length > shown.length ? h("p", { class: "quiet" }, `The first ${shown.length} of ${rows.length} are drawn; the column \u201cRanks, other weights\u201d has all.`) : ""];
}
