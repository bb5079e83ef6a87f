// Aligned level diagram: pristine slab, bare socket and loaded slab on the energy axis of the pristine slab.
// Colours, dashes and letters are those of the paper figure, so that both read alike and also in grey.
const LEVEL_STYLES = {
  "band": ["var(--quiet)", "", .8, ""], "host-like": ["var(--ink)", "", 1.4, "h"], "surface-resonance": ["var(--blue)", "7 2", 1.8, "r"],
  "shallow": ["var(--sky)", "4 2", 2, "s"], "localised-trap": ["var(--vermilion)", "", 3.2, "T"], "ligand-level": ["var(--green)", "6 2 1 2", 3.2, "L"],
};
const LEVEL_WORDS = { "host-like": "host-like", "surface-resonance": "surface resonance", "shallow": "shallow", "localised-trap": "localised trap", "ligand-level": "ligand level" };
const PANEL_TITLES = { scalar: "without spin-orbit coupling", soc: "with spin-orbit coupling", hse_soc: "HSE06 with spin-orbit coupling" };
const LEVEL_CAVEAT = "Semilocal gaps without spin-orbit coupling look right because two errors of about an electronvolt cancel; with coupling they are too small by about as much, so a level close below the conduction edge may be swallowed by it. Levels of static structures carry \u00b10.3 eV.";
const SLICE_NOTE = "Loaded slab: pseudo density of one state, without spin-orbit coupling, on the plane through the atom that holds most of it; atoms near the plane are named.";
const COLUMN_TITLES = { pristine: "pristine", defect: "bare socket", passivated: "with ligand" };

// Without level records only the states that the trap report lists inside the gap are known.
function panelsOf(traps, diagram) {
  if (diagram && diagram.length) return diagram;
  const levels = (states) => states.map((q) => ({ energy_eV: q.energy_above_vbm_eV, filling: q.filling, label: q.label, character: q.character }));
  return [{ kind: traps.levels || "soc", gap_eV: traps.gap_pristine_eV, columns: [{ name: "pristine", levels: [] }, { name: "defect", levels: levels(traps.states_before) }, { name: "passivated", levels: levels(traps.states_after) }] }];
}

function levelDiagram(traps, diagram) {
  const panels = panelsOf(traps, diagram), H = 330, T = 34, B = 26, L = 44, W = 96, pad = diagram && diagram.length ? .8 : .35;
  const high = Math.max(...panels.map((q) => q.gap_eV)) + pad, y = (e) => T + (H - T - B) * (high - e) / (high + pad), marks = ticks(-pad, high, 7);
  const one = (panel) => {
    const width = L + panel.columns.length * W + 14;
    const inside = panel.columns.map((q) => q.levels.filter((v) => v.label !== "band"));
    const label = `Levels ${PANEL_TITLES[panel.kind] || panel.kind}, gap of the pristine slab ${num(panel.gap_eV)} eV; ` + panel.columns.map((q, k) => `${COLUMN_TITLES[q.name] || q.name}: ${inside[k].length ? inside[k].map((v) => `${LEVEL_WORDS[v.label]} at ${num(v.energy_eV)}`).join(", ") : "none inside"}`).join("; ");
    return s("svg", { viewBox: `0 0 ${width} ${H}`, width, height: H, role: "img", "aria-label": label },
      s("text", { x: L, y: 12, "font-weight": 600 }, PANEL_TITLES[panel.kind] || panel.kind), s("text", { class: "quiet", x: L, y: 26 }, `pristine gap ${num(panel.gap_eV)} eV`),
      s("rect", { x: L, width: width - L, y: T, height: y(panel.gap_eV) - T, fill: "var(--grey)", opacity: .22 }), s("rect", { x: L, width: width - L, y: y(0), height: H - B - y(0), fill: "var(--grey)", opacity: .22 }),
      marks.map((t) => s("text", { class: "tick", x: L - 6, y: y(t) + 4, "text-anchor": "end" }, tickText(t, marks))), s("path", { class: "axis", d: `M${L} ${T}V${H - B}` }),
      panel.columns.map((column, k) => [column.levels.map((v) => level(v, L + 8 + k * W, W - 14, y(v.energy_eV))), letters(inside[k], L + 8 + k * W + W - 12, y),
        s("text", { x: L + 8 + k * W + (W - 14) / 2, y: H - 8, "text-anchor": "middle" }, COLUMN_TITLES[column.name] || column.name)]));
  };
  const used = [...new Set(panels.flatMap((p) => p.columns.flatMap((q) => q.levels.map((v) => v.label))))].filter((name) => name in LEVEL_WORDS);
  return [h("div", { style: "display:flex;flex-wrap:wrap;gap:.5rem 2rem" }, panels.map(one)),
    h("div", { class: "legend" }, "eV above the valence edge of the pristine slab", used.map((name) => h("span", null, s("svg", { width: 22, height: 8, "aria-hidden": "true" }, stroke(name, 0, 22, 4)), LEVEL_STYLES[name][3] + " ", LEVEL_WORDS[name])), used.length ? "dot: filled or empty" : "")];
}
const stroke = (name, x, width, y) => { const [hue, dash, thick] = LEVEL_STYLES[name]; return s("line", { x1: x, x2: x + width, y1: y, y2: y, stroke: hue, "stroke-width": thick, "stroke-dasharray": dash || null }); };
function level(v, x, width, y) {
  if (v.label === "band") return stroke("band", x, width, y);
  const text = `${num(v.energy_eV)} eV, ${LEVEL_WORDS[v.label]}, filling ${num(v.filling)}${v.character ? `: ${v.character}` : ""}`, hue = LEVEL_STYLES[v.label][0];
  return s("g", null, s("title", null, text), stroke(v.label, x, width, y), s("circle", { cx: x + width / 2, cy: y, r: 3.4, stroke: hue, "stroke-width": 1.5, fill: v.filling > .8 ? hue : v.filling < .2 ? "var(--paper)" : "var(--yellow)" }));
}
// Letters beside the levels, moved apart where levels crowd.
function letters(levels, x, y) {
  let last = Infinity;
  return levels.slice().sort((a, b) => a.energy_eV - b.energy_eV).map((v) => { last = Math.min(y(v.energy_eV) + 4, last - 11); return s("text", { x, y: last }, LEVEL_STYLES[v.label][3]); });
}
