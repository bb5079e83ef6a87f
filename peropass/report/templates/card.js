// The card of one candidate: everything behind its row.
const shards = new Map();
window.peropassCards = (shard, text) => shards.set(shard, text.split("\n"));

async function cardData(i) {
  if (!SHARD) return unpack($("c" + i).textContent);
  const shard = Math.floor(i / SHARD);
  if (!shards.has(shard)) await new Promise((done, failed) => document.head.append(h("script", { src: `${BESIDE}/${shard}.js`, onload: done, onerror: () => failed(new Error(`${BESIDE}/${shard}.js is not beside the page`)) })));
  return unpack(shards.get(shard)[i % SHARD]);
}

const some = (names, most = 6) => names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");

const Card = {
  start(state) {
    this.state = state;
    const dialog = $("card");
    dialog.addEventListener("close", () => { Structure.release(); dialog.replaceChildren(); state.opened = null; state.changed(); const row = document.querySelector(`#table tr[data-row="${state.picked}"] th button`); if (row) row.focus(); });
    dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
    window.addEventListener("beforeprint", () => Structure.picture());
  },

  async show(i) {
    const dialog = $("card");
    let data;
    try { data = await cardData(i); } catch (error) { data = { missing: String(error.message || error) }; }
    if (this.state.opened !== i) return;
    delete dialog.dataset.shown;
    Structure.release();
    dialog.replaceChildren(this.head(i, data), data.missing ? h("p", { class: "notice", style: "margin:1rem" }, data.missing) : this.body(i, data));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    dialog.querySelector(".close").focus({ preventScroll: true });
    this.state.changed();
    if (!data.missing) await this.structures(data);
    dialog.dataset.shown = i;
  },

  step(i, by) { const order = Table.order, at = order.indexOf(i); this.state.open(order[(at + by + order.length) % order.length]); },

  head(i, data) {
    const c = this.state.data.columns, rank = this.state.ranks[i];
    return h("div", { class: "card-head" },
      h("div", null, h("h2", { id: "card-title" }, c.label[i]),
        h("p", null, rank === null ? "not ranked" : [h("b", null, `rank ${rank}`), c.rank_low[i] === c.rank_high[i] ? "" : ` (${c.rank_low[i]}${DASH}${c.rank_high[i]})`],
          c.tied_with[i].length ? ` \u00b7 tied with ${some(c.tied_with[i])}` : "", ` \u00b7 ${c.ligand_class[i]} \u00b7 ${c.host[i]} / ${c.termination[i]} / ${c.site[i]} \u00b7 `, h("code", null, c.candidate[i]))),
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => this.step(i, -1), "aria-label": "Previous row" }, "\u2190"), h("button", { type: "button", onclick: () => this.step(i, 1), "aria-label": "Next row" }, "\u2192"),
        h("button", { type: "button", class: "close", onclick: () => $("card").close() }, "Close")));
  },

  body(i, data) {
    const k = data.candidate, row = data.row;
    const part = (title, wide, ...content) => { const kept = content.flat(3).filter(Boolean); return kept.length ? h("section", { class: wide ? "wide" : null }, h("h3", null, title), kept) : null; };
    const notices = [row.status !== "ok" ? `${STATUSES[row.status] || row.status}: ${row.reason || "no reason recorded"}` : null, ...(row.flags || []), ...((k && k.anomalies) || []), data.reference].filter(Boolean);
    return h("div", { class: "card-body" },
      notices.length ? h("div", { class: "wide" }, notices.map((text) => h("p", { class: "notice" }, text))) : null,
      part("Structure", true, this.structureFrame(data)),
      k ? part("Ligand", false, this.ligand(k, (data.poses && data.poses.descriptors) || {})) : part("Ligand", false, h("p", null, "No record of this candidate.")),
      k && k.literature.length ? part("Reported in the literature", false, h("div", { class: "measured" }, h("p", null, h("b", null, "Measured, not computed:")), k.literature.map((l) => h("p", null, l.text, " ", h("cite", null, `[${l.source}]`))), (data.citations || []).map((c) => h("p", { class: "quiet" }, c)))) : part("Reported in the literature", false, h("p", { class: "quiet" }, "Nothing recorded.")),
      k ? part("Reactions", true, k.reactions.length ? k.reactions.map((r) => this.reaction(r)) : h("p", { class: "quiet" }, "None computed.")) : null,
      k && k.decomposition ? part("Decomposition of binding", false, this.decomposition(k)) : null,
      k && k.channels.length ? part("Desorption channels", false, this.channels(k.channels, row.lability_note)) : null,
      k && (k.migration || k.migration_reason) ? part("Ion migration", false, this.migration(k)) : null,
      k && k.traps ? part("Levels and traps", true, this.traps(k.traps, data)) : null,
      k && (k.distortion || k.formability) ? part("Distortion and formability", false, this.shape(k)) : null,
      data.poses ? part("Poses tried", false, this.poses(data.poses)) : null,
      data.calculations.length ? part("Convergence", true, data.calculations.map((c) => this.convergence(c))) : null,
      part("Provenance", true, this.provenance(data)));
  },

  structureFrame(data) {
    if (!data.structures.length) return h("p", { class: "quiet" }, "No structure to show.");
    const names = data.structures.map((q) => q.name), last = names.length - 1;
    const choose = (label, chosen) => h("label", null, label + " ", h("select", { class: "choose", onchange: () => this.redraw() }, names.map((name, k) => h("option", { value: k, selected: k === chosen }, name))));
    const check = (label, on, cls) => { const box = h("input", { type: "checkbox", class: cls, onchange: () => this.redraw() }); box.checked = on; return h("label", null, box, " ", label); };
    const elements = [...new Set(data.structures.flatMap((q) => q.s.split(" ")))].sort();
    return [h("div", { class: "view-bar" }, names.length > 1 ? [choose("Before", Math.max(0, last - 1)), choose("After", last)] : h("span", { class: "quiet" }, names[0]), check("Pb\u2013X octahedra", true, "octa"), check("2 \u00d7 2 cells", false, "twice"),
      h("span", { class: "elements" }, elements.map((e) => h("span", null, h("i", { style: `background:${hue(e)}` }), e))), h("span", { class: "quiet" }, "Drag or arrow keys turn both; + and \u2212 zoom.")),
    h("div", { class: "views" }, (names.length > 1 ? ["before", "after"] : ["after"]).map((cls) => h("div", { class: "view " + cls, tabindex: 0, role: "application", "aria-label": `Structure ${cls}: arrow keys turn it, plus and minus zoom`, onkeydown: (e) => this.keys(e) })))];
  },

  keys(event) {
    const step = Math.PI / 24, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step], "+": [0, 0, 1.15], "=": [0, 0, 1.15], "-": [0, 0, 1 / 1.15] };
    if (!moves[event.key]) return;
    event.preventDefault();
    Structure.turn(event.currentTarget, ...moves[event.key]);
  },

  async structures(data) { this.shown = data; if (data.structures.length) await this.redraw(); },

  async redraw() {
    const dialog = $("card"), views = [...dialog.querySelectorAll(".view")], choice = [...dialog.querySelectorAll(".choose")].map((q) => Number(q.value));
    const options = { octahedra: dialog.querySelector(".octa").checked, repeat: dialog.querySelector(".twice").checked ? 2 : 1 };
    if (!Structure.supported()) { views.forEach((v) => v.replaceChildren(h("p", { style: "padding:1rem;color:#333" }, "This browser has no WebGL 2, which the structure viewer needs."))); return; }
    for (const [n, view] of views.entries()) await Structure.draw(view, this.shown.structures[views.length > 1 ? choice[n] : 0], options);
  },

  ligand(k, size) {
    return facts([["full ligand", h("code", null, k.full_smiles)], ["model", h("code", null, k.model_smiles)], ["truncation", k.truncation], ["class", k.ligand_class], ["library id", k.ligand], ["role", k.role],
      ["coverage", k.coverage === null ? null : `${num(k.coverage)} per surface A site`], ["length of the full ligand", k.chain_length_ang === null ? null : `${num(k.chain_length_ang, 1)} \u00c5`],
      ["footprint", k.footprint_ang2 === null ? null : `${num(k.footprint_ang2, 1)} \u00c5\u00b2`], ["cone angle", size.cone_angle_deg === undefined ? null : `${num(size.cone_angle_deg, 0)}\u00b0`], ["dipole of the set in vacuum (GFN2-xTB)", size.dipole_debye === undefined ? null : `${num(size.dipole_debye, 1)} D`], ["best pose", k.best_pose], ["error from the spread of relaxed poses", k.pose_error_eV === null ? null : `${num(k.pose_error_eV, 3)} eV`], ["atoms", k.n_atoms], ["cost", `${num(k.core_seconds, 0)} core-seconds (${clock(k.core_seconds)})`]]);
  },

  reaction(r) {
    const head = h("p", { class: "equation" }, h("b", null, r.name.replaceAll("_", " ")), ": ", r.equation, " ", r.value_eV === null ? h("span", { class: "bad" }, `no number: ${r.reason || r.status}`) : h("b", null, `${signed(r.value_eV, 3)} eV`), r.error_eV === null ? "" : ` \u00b1 ${num(r.error_eV, 3)}`);
    if (!r.terms.length) return head;
    const product = (t) => t.energy_eV === null ? null : t.coefficient * t.energy_eV;
    const sum = r.terms.every((t) => t.energy_eV !== null) ? r.terms.reduce((a, t) => a + product(t), 0) : null;
    return [head, r.plane_waves_eV ? h("p", { class: "quiet" }, `of it ${signed(r.plane_waves_eV, 3)} eV by bringing cells of different size to the smooth number of plane waves; energies below hold it`) : null, r.dispersion_eV === null ? null : h("p", { class: "quiet" }, `of it dispersion ${signed(r.dispersion_eV, 3)} eV${r.dispersion_cs_eV === null ? "" : `, from pairs with Cs ${signed(r.dispersion_cs_eV, 3)} eV`}${Object.keys(r.dispersion_models_eV || {}).length ? `; by model ${Object.entries(r.dispersion_models_eV).map(([m, v]) => `${{ d3bj: "D3(BJ)", d4: "D4" }[m] || m} ${signed(v, 3)}`).join(", ")}` : ""}`),
      grid(`Terms of ${r.name}`, ["species", ["coefficient", "n"], ["energy / eV", "n"], ["coefficient \u00d7 energy / eV", "n"], "record"],
        r.terms.map((t) => [t.species, [signed(t.coefficient, Number.isInteger(t.coefficient) ? 0 : 3), "n"], [num(t.energy_eV, 4), "n"], [num(product(t), 4), "n"], h("code", null, t.record || DASH)]),
        ["sum", "", "", [num(sum, 4), "n"], ""])];
  },

  decomposition(k) {
    const d = k.decomposition, total = d.interaction_eV + d.slab_deformation_eV + d.ligand_deformation_eV;
    const values = [["interaction at frozen geometry", d.interaction_eV], ["deformation of the slab", d.slab_deformation_eV], ["deformation of the ligand", d.ligand_deformation_eV]], span = domain([...values.map(([, v]) => v), total], null);
    return [grid("Parts of the binding energy", ["part", ["eV", "n"], ""], values.map(([name, v]) => [name, [signed(v, 3), "n"], bar(v, null, span, -1)]), ["binding", [signed(total, 3), "n"], bar(total, null, span, -1)]),
      h("p", { class: "quiet" }, `closes on the binding reaction to ${num(Math.abs(d.closure_eV) * 1000, 2)} meV`)];
  },

  channels(channels, note) {
    const first = channels[0];
    return [note ? h("p", null, note) : null, h("p", { class: "quiet" }, `free energies at ${num(first.temperature_K, 0)} K, ${first.concentration_M} M, solvent ${first.solvent}`), ladder(channels),
      h("details", null, h("summary", null, "Equations and terms"), channels.map((c) => [h("p", { class: "equation" }, h("b", null, c.name), ": ", c.equation), facts([["electronic", `${num(c.electronic_eV, 3)} eV`], ...Object.entries(c.terms).map(([n, v]) => [n.replaceAll("_", " "), `${num(v, 3)} eV`]), ["free energy", `${num(c.free_energy_eV, 3)} eV`]])]))];
  },

  migration(k) {
    const own = k.migration, clean = k.migration_clean, told = k.migration_reason ? h("p", { class: "notice" }, k.migration_reason) : null;
    if (!own && !clean) return [told];
    const barrier = (p) => `${num(p.barrier_eV, 3)} eV (back ${num(p.reverse_barrier_eV, 3)} eV), over ${num(p.distance_ang)} \u00c5`;
    return [told, pathPlot(own, clean), facts([["halide-vacancy hop next to the ligand", own && barrier(own)], ["same hop of the clean surface", clean && barrier(clean)], ["ligand raises the barrier by", own && clean && `${signed(own.barrier_eV - clean.barrier_eV, 3)} eV`], ["path by", (own || clean).method], ["barrier by", (own || clean).barrier_method]]),
      h("p", { class: "quiet" }, "Line: next to the ligand; dashed: clean surface; both by the method of the path. Rings: energies that the barrier is taken from.")];
  },

  traps(t, data) {
    const picture = h("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Level diagram" }, levelDiagram(t, data.diagram));
    const spin = (q, polarised) => polarised ? `, spin ${q.spin ? "down" : "up"}` : "";
    const rows = (states, where, polarised) => states.map((q) => [`${where}${spin(q, polarised)}`, [num(q.energy_above_vbm_eV, 2), "n"], [`${num(q.depth_eV, 2)} from ${q.nearest_edge} (${num(100 * q.depth_fraction, 0)} %)`, "n"], [num(q.filling, 2), "n"], [num(q.participation_ratio, 2), "n"], [num(q.defect_weight, 2), "n"], [num(q.ligand_weight, 2), "n"], [num(q.surface_weight, 2), "n"], q.label, q.character, q.rule]);
    const two = data.polarised || {}, scalar = t.levels === "scalar", other = (states, where, polarised) => polarised && !scalar ? rows(states || [], `${where}, without spin-orbit coupling`, true) : [];
    const all = [...rows(t.states_before, "bare socket", scalar && two.before), ...rows(t.states_after, "with ligand", scalar && two.after), ...other(t.states_before_scalar, "bare socket", two.before), ...other(t.states_after_scalar, "with ligand", two.after)];
    const three = (after, before, pristine) => after == null ? null : `${num(after)} eV; bare socket ${before == null ? "\u2013" : `${num(before)} eV, change ${signed(after - before)} eV`}; pristine ${pristine == null ? "\u2013" : `${num(pristine)} eV`}`;
    const beside = (what, gap, pristine, before, after) => gap == null ? null : [what, `gap ${num(gap)} eV, pristine ${num(pristine)} eV; traps ${before} before, ${after} after`];
    return [h("p", null, "Verdict: ", h("b", null, `${VERDICTS[t.verdict] || ""} ${t.verdict}`), t.reason ? `. ${t.reason}` : "", `. Traps ${t.n_traps_before} before, ${t.n_traps_after} after; ${PANEL_TITLES[t.levels] || t.levels}.`),
      (t.flags || []).map((f) => h("p", { class: "notice" }, f)), h("div", { class: "levels" }, picture,
      facts([["gap", three(t.gap_eV, t.gap_before_eV, t.gap_pristine_eV)], ["ionisation energy", three(t.ionisation_energy_eV, t.ionisation_energy_before_eV, t.ionisation_energy_pristine_eV)],
        beside("without spin-orbit coupling", t.gap_scalar_eV, t.gap_scalar_pristine_eV, t.n_traps_before_scalar, t.n_traps_after_scalar), beside("functional's own levels with spin-orbit coupling", t.gap_soc_eV, t.gap_soc_pristine_eV, t.n_traps_before_soc, t.n_traps_after_soc),
        ["alignment", `${num(t.alignment_eV, 3)} eV, spread ${num(t.alignment_spread_eV, 3)} eV${t.vacuum_alignment_eV === null ? "" : `, by vacuum level ${num(t.vacuum_alignment_eV, 3)} eV`}${t.semicore_alignment_eV == null ? "" : `, by semicore levels ${num(t.semicore_alignment_eV, 3)} eV`}`],
        ["thresholds", Object.entries(t.thresholds).map(([n, v]) => `${n.replaceAll("_", " ")} ${v}`).join(", ")]].filter(Boolean)), this.slices(data.slices || [])),
      h("p", { class: "quiet" }, LEVEL_CAVEAT),
      all.length ? h("details", null, h("summary", null, `${all.length} states between the edges, with the rule that named each`), grid("States between the edges", ["slab", ["above VBM / eV", "n"], ["depth / eV (of the gap)", "n"], ["filling", "n"], ["N_eff / edge's", "n"], ["at the defect", "n"], ["on the ligand", "n"], ["surface", "n"], "class", "character", "rule"], all)) : null];
  },

  // Pictures without a script in them: an image element runs none, whatever its file holds.
  slices(pictures) {
    if (!pictures.length) return null;
    return h("div", { class: "drawings" }, pictures.map((q) => h("figure", { class: "drawn" }, h("div", null, h("img", { src: `data:image/svg+xml,${encodeURIComponent(q.svg)}`, alt: q.alt })), h("figcaption", null, q.caption))),
      h("p", { class: "quiet" }, SLICE_NOTE));
  },

  shape(k) {
    const d = k.distortion || {}, f = k.formability || {}, names = { pb_x_pb_angle_deg: ["Pb\u2013X\u2013Pb angle", "\u00b0", 1], bond_length_distortion: ["bond length distortion \u0394", "", 5], angle_variance_deg2: ["octahedral angle variance", "deg\u00b2", 1], max_surface_shift_ang: ["largest surface shift", "\u00c5", 2], quadratic_elongation: ["quadratic elongation", "", 4], tilt_deg: ["octahedral tilt", "\u00b0", 1], n_octahedra: ["complete octahedra", "", 0], n_broken: ["B atoms that lost an X neighbour", "", 0] };
    const shown = Object.entries(d).filter(([, v]) => v !== null && typeof v !== "object").map(([n, v]) => names[n] ? [names[n][0], `${num(v, names[n][2])} ${names[n][1]}${d.clean && n in d.clean ? ` (clean slab ${num(d.clean[n], names[n][2])})` : ""}`] : [n.replace(/_(ang|deg|deg2)$/, "").replaceAll("_", " "), num(v, 4)]);
    return [facts([...shown, ["formability of", f.composition], ["t", f.t == null ? null : num(f.t, 3)], ["\u03bc", f.mu == null ? null : num(f.mu, 3)], ["\u03c4", f.tau == null ? null : num(f.tau, 2)]]), (f.notes || []).map((n) => h("p", { class: "quiet" }, n))];
  },

  poses(p) {
    return [h("p", { class: "quiet" }, `Cheap tier: ${p.method}. ${p.filters.map((f) => `${f.name} ${f.before} \u2192 ${f.after}`).join("; ")}`),
      grid("Poses tried and dropped", ["pose", "motif", "anchor", ["E / eV", "n"], "kept", "reason"], p.poses.map((q) => [q.id, q.motif, q.anchor, [num(q.energy_xtb_eV, 2), "n"], q.kept ? `\u2713 ${q.rank === null ? "" : q.rank + 1}` : "\u2715 dropped", q.reason]))];
  },

  convergence(c) {
    const force = c.history.map((q) => q[1]), final = c.history.length ? c.history[c.history.length - 1][0] : 0, limit = (c.checks.find((q) => /force/i.test(q.name)) || {}).limit, allowed = limit ? parseFloat(limit.replace(/[^0-9.]/g, "")) : null;
    return [h("p", null, h("b", null, c.address.pose === "none" ? c.kind : `pose ${c.address.pose}`), `: ${STATUSES[c.status] || c.status}${c.reason ? `, ${c.reason}` : ""}; ${c.ionic_steps} ionic steps, ${c.scf_iterations} SCF iterations, ${num(c.provenance.core_s, 0)} core-seconds, k-points ${c.kpts.join(" \u00d7 ")}`),
      c.history.length > 1 ? h("div", { class: "scroll-x", style: "display:flex;gap:1rem;flex-wrap:wrap" }, linePlot({ title: "energy above last", unit: "eV", values: c.history.map((q) => q[0] - final) }), linePlot({ title: "largest force", unit: "eV/\u00c5", values: force, log: true, limit: Number.isFinite(allowed) ? allowed : null }), linePlot({ title: "SCF iterations", unit: "", values: c.history.map((q) => q[2]), bars: true })) : null,
      c.competitors && Object.keys(c.competitors).length > 1 ? h("p", null, "Variants relaxed: ", Object.entries(c.competitors).map(([n, v]) => `${n} ${num(v, 3)} eV`).join("; ")) : null,
      h("p", null, "Remedies: ", c.remedies.length ? c.remedies.join("; ") : "none needed"),
      c.checks.length ? grid("Checks", ["check", ["found", "n"], "unit", "allowed", "verdict"], c.checks.map((q) => Object.assign([q.name, [num(q.value, 4), "n"], q.unit, q.limit, q.passed ? "\u2713 passed" : "\u2715 FAILED"], { className: q.passed ? "" : "fail" }))) : null];
  },

  provenance(data) {
    const v = (data.calculations[0] && data.calculations[0].provenance) || (data.candidate && data.candidate.provenance) || {}, { command, folder } = data.command;
    return [h("p", null, "This command recomputes the row", folder ? [" where the folder ", h("code", null, folder), " is absent; finished work in it is read, not repeated"] : "", ":"), h("pre", { tabindex: 0 }, command || "no command recorded"),
      facts([["record", h("code", null, data.file || DASH)], ["physics", h("code", null, v.physics_hash)], ["settings", data.calculations[0] ? h("code", null, data.calculations[0].settings_hash) : null], ["revision", v.revision], ["started", v.started_utc], ["attempts", v.attempts], ["cores", v.cores], ["peak memory", v.peak_MB ? `${num(v.peak_MB, 0)} MB` : null],
        ["versions", Object.entries(v.versions || {}).map(([n, q]) => `${n} ${q}`).join(", ")], ["inputs", Object.entries(v.inputs || {}).map(([n, q]) => `${n} ${String(q).slice(0, 16)}`).join(", ")]])];
  },
};
