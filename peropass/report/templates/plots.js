// Axes, ticks and the small plots of the cards.
function ticks(low, high, about = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / about, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((x) => x >= raw);
  const found = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step) found.push(Math.abs(v) < 1e-12 ? 0 : v);
  return found;
}
const tickText = (v, all) => num(v, Math.max(0, ...all.map((x) => (String(Number(x.toPrecision(6))).split(".")[1] || "").length)));

function extent(values, pad = 0.06) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (v !== null && Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  if (!Number.isFinite(low)) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * pad;
  return [low - room, high + room];
}

// Line plot of one quantity per ionic step; log scale for forces.
function linePlot({ title, values, unit, log = false, limit = null, bars = false, width = 300, height = 130 }) {
  const f = log ? (v) => Math.log10(Math.max(v, 1e-6)) : (v) => v;
  const all = limit === null ? values : [...values, limit];
  const [low, high] = bars ? [0, Math.max(...values) * 1.08 || 1] : extent(all.map(f), .08);
  const L = 48, R = 8, T = 18, B = 26, n = values.length;
  const x = (k) => L + (width - L - R) * (bars ? (k + .5) / n : n > 1 ? k / (n - 1) : .5);
  const y = (v) => T + (height - T - B) * (1 - (f(v) - low) / (high - low || 1));
  const marks = log ? ticks(Math.floor(low), Math.ceil(high), 4).filter((t) => Number.isInteger(t) && t >= low && t <= high) : ticks(low, high, 4);
  const raw = (t) => log ? 10 ** t : t;
  return s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: from ${num(values[0], 3)} to ${num(values[n - 1], 3)} ${unit} in ${n} steps` },
    s("text", { x: 4, y: 11 }, title, s("tspan", { class: "quiet" }, ` ${unit}`)),
    marks.map((t) => [s("line", { class: "grid", x1: L, x2: width - R, y1: y(raw(t)), y2: y(raw(t)) }),
      s("text", { class: "tick", x: L - 5, y: y(raw(t)) + 4, "text-anchor": "end" }, log ? String(raw(t)) : tickText(t, marks))]),
    s("path", { class: "axis", d: `M${L} ${T}V${height - B}H${width - R}` }),
    limit === null ? null : s("line", { x1: L, x2: width - R, y1: y(limit), y2: y(limit), stroke: "var(--vermilion)", "stroke-dasharray": "4 3" }),
    bars ? values.map((v, k) => s("rect", { x: x(k) - Math.max(1, (width - L - R) / n * .35), width: Math.max(2, (width - L - R) / n * .7), y: y(v), height: height - B - y(v), fill: "var(--sky)" }))
      : [s("path", { d: "M" + values.map((v, k) => `${x(k).toFixed(1)} ${y(v).toFixed(1)}`).join("L"), stroke: "var(--blue)", "stroke-width": 1.5, fill: "none" }),
        n < 60 ? values.map((v, k) => s("circle", { cx: x(k), cy: y(v), r: 1.8, fill: "var(--blue)" })) : null],
    s("text", { class: "tick", x: L, y: height - 10 }, "1"),
    s("text", { class: "tick", x: width - R, y: height - 10, "text-anchor": "end" }, `${n} ionic steps`));
}

// Desorption channels: free energy as a bar, electronic energy as a tick, cheapest on top.
function ladder(channels) {
  const known = channels.filter((c) => c.status === "ok" && c.free_energy_eV !== null).sort((a, b) => a.free_energy_eV - b.free_energy_eV);
  const rest = channels.filter((c) => !known.includes(c));
  const missing = rest.length ? h("ul", null, rest.map((c) => h("li", null, `${c.name}: ${c.status}`, c.reason ? `, ${c.reason}` : ""))) : null;
  if (!known.length) return [missing];
  const W = 560, L = 190, R = 60, H = 24, height = known.length * H + 36;
  const [low, high] = extent([0, ...known.flatMap((c) => [c.free_energy_eV, c.electronic_eV ?? 0])], .04);
  const x = (v) => L + (W - L - R) * (v - low) / (high - low), marks = ticks(low, high, 6);
  return [s("svg", { viewBox: `0 0 ${W} ${height}`, width: W, height, role: "img", style: "max-width:100%", "aria-label": `Desorption channels; cheapest: ${known[0].name}, ${num(known[0].free_energy_eV)} eV` },
    marks.map((t) => [s("line", { class: "grid", x1: x(t), x2: x(t), y1: 4, y2: height - 30 }), s("text", { class: "tick", x: x(t), y: height - 17, "text-anchor": "middle" }, tickText(t, marks))]),
    known.map((c, k) => [
      s("text", { x: L - 8, y: k * H + 20, "text-anchor": "end", "font-weight": k ? null : 600 }, c.name.length > 30 ? c.name.slice(0, 29) + "\u2026" : c.name),
      s("rect", { x: Math.min(x(0), x(c.free_energy_eV)), width: Math.abs(x(c.free_energy_eV) - x(0)) || 1, y: k * H + 9, height: 13, fill: k ? "var(--sky)" : "var(--blue)", opacity: .8 }),
      c.electronic_eV === null ? null : s("path", { d: `M${x(c.electronic_eV)} ${k * H + 6}V${k * H + 25}`, stroke: "var(--vermilion)", "stroke-width": 2 }),
      s("text", { x: Math.max(x(c.free_energy_eV), x(c.electronic_eV ?? c.free_energy_eV)) + 6, y: k * H + 20 }, num(c.free_energy_eV)),
    ]),
    s("line", { x1: x(0), x2: x(0), y1: 2, y2: height - 30, stroke: "var(--ink)" }),
    s("text", { class: "quiet", x: W - R, y: height - 3, "text-anchor": "end" }, "eV")),
  h("p", { class: "quiet" }, "Bar: free energy; tick: electronic energy. The cheapest channel, on top, is the lability."),
  missing];
}

// Energy along the path of a halide hop: next to the ligand as a line, the clean surface dashed; the barrier's own energies as rings.
function pathPlot(own, clean) {
  const W = 420, L = 52, R = 14, T = 12, H = 190, B = 34, all = [own, clean].filter(Boolean);
  const at = (p) => [[p.lengths_ang[0], 0], [p.lengths_ang[p.energies_eV.indexOf(Math.max(...p.energies_eV))], p.barrier_eV], [p.lengths_ang[p.lengths_ang.length - 1], p.barrier_eV - p.reverse_barrier_eV]];
  const [low, high] = extent(all.flatMap((p) => [...p.energies_eV, ...at(p).map((q) => q[1])]), .08), far = Math.max(...all.map((p) => p.lengths_ang[p.lengths_ang.length - 1])) || 1;
  const x = (v) => L + (W - L - R) * v / far, y = (v) => T + (H - T - B) * (1 - (v - low) / (high - low || 1));
  const ys = ticks(low, high, 5), xs = ticks(0, far, 5);
  const curve = (p, color, dash) => [s("path", { d: "M" + p.lengths_ang.map((v, k) => `${x(v).toFixed(1)} ${y(p.energies_eV[k]).toFixed(1)}`).join("L"), stroke: color, "stroke-width": 1.5, fill: "none", "stroke-dasharray": dash }),
    p.lengths_ang.map((v, k) => s("circle", { cx: x(v), cy: y(p.energies_eV[k]), r: 2, fill: color })), at(p).map(([v, e]) => s("circle", { cx: x(v), cy: y(e), r: 5, fill: "none", stroke: color }))];
  return s("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img", style: "max-width:100%", "aria-label": `Path of the halide hop: barrier ${num(all[0].barrier_eV)} eV${own && clean ? `, clean surface ${num(clean.barrier_eV)} eV` : ""}` },
    ys.map((t) => [s("line", { class: "grid", x1: L, x2: W - R, y1: y(t), y2: y(t) }), s("text", { class: "tick", x: L - 5, y: y(t) + 4, "text-anchor": "end" }, tickText(t, ys))]),
    xs.map((t) => s("text", { class: "tick", x: x(t), y: H - 18, "text-anchor": "middle" }, tickText(t, xs))),
    s("text", { class: "quiet", x: W - R, y: H - 4, "text-anchor": "end" }, "path length / \u00c5"), s("text", { class: "quiet", x: 4, y: T - 1 }, "eV"),
    clean ? curve(clean, "var(--vermilion)", "5 3") : null, own ? curve(own, "var(--blue)", null) : null);
}
