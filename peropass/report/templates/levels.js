// Level diagram from the trap report alone: bare socket and loaded slab inside the window of the pristine slab.
const LEVEL_HUES = { "host-like": "var(--grey)", "surface-resonance": "var(--sky)", "shallow": "var(--orange)", "localised-trap": "var(--vermilion)", "ligand-level": "var(--purple)" };
function levelDiagram(traps) {
  const gap = traps.gap_pristine_eV, W = 560, H = 300, T = 14, B = 40, pad = .35;
  const y = (e) => T + (H - T - B) * (gap + pad - e) / (gap + 2 * pad), columns = [["pristine", []], ["bare socket", traps.states_before], ["with ligand", traps.states_after]];
  const x = (k) => 70 + k * 165, width = 130, marks = ticks(-pad, gap + pad, 6);
  const level = (state, k) => {
    const half = width / 2 * (.25 + .75 * Math.min(1, state.participation_ratio)), mid = x(k) + width / 2, hue = LEVEL_HUES[state.label];
    const text = `${num(state.energy_above_vbm_eV)} eV: ${state.label}, ${state.filling > .75 ? "filled" : state.filling < .25 ? "empty" : "half filled"}, ${state.character}`;
    return s("g", null, s("title", null, text), s("line", { x1: mid - half, x2: mid + half, y1: y(state.energy_above_vbm_eV), y2: y(state.energy_above_vbm_eV), stroke: hue, "stroke-width": 3 }),
      s("circle", { cx: mid, cy: y(state.energy_above_vbm_eV), r: 4, fill: state.filling > .5 ? hue : "var(--paper)", stroke: hue, "stroke-width": 1.5 }));
  };
  const used = [...new Set([...traps.states_before, ...traps.states_after].map((q) => q.label))];
  return [s("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, style: "max-width:100%", role: "img", "aria-label": `Levels between the edges of the pristine slab, gap ${num(gap)} eV: ${traps.states_before.length} on the bare socket, ${traps.states_after.length} with the ligand` },
    marks.map((t) => [s("line", { class: "grid", x1: 56, x2: W - 10, y1: y(t), y2: y(t) }), s("text", { class: "tick", x: 50, y: y(t) + 4, "text-anchor": "end" }, tickText(t, marks))]),
    columns.map(([name, states], k) => [s("rect", { x: x(k), y: T, width, height: y(gap) - T, fill: "var(--blue)", opacity: .18 }), s("rect", { x: x(k), y: y(0), width, height: H - B - y(0), fill: "var(--blue)", opacity: .35 }),
      s("path", { d: `M${x(k)} ${y(gap)}h${width}M${x(k)} ${y(0)}h${width}`, stroke: "var(--blue)" }), states.map((q) => level(q, k)), s("text", { x: x(k) + width / 2, y: H - B + 16, "text-anchor": "middle", "font-weight": 600 }, name)]),
    s("text", { class: "quiet", x: 56, y: H - 6 }, "eV above the valence band edge of the pristine slab; line width grows with delocalisation; filled dot: occupied")),
  used.length ? h("div", { class: "legend" }, used.map((name) => h("span", null, s("svg", { width: 16, height: 8, "aria-hidden": "true" }, s("rect", { y: 2, width: 16, height: 4, fill: LEVEL_HUES[name] })), name))) : null];
}
