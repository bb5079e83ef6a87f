// Structures to rotate: prepares atoms, bonds and octahedra for the viewer library (weas), which is unpacked on first use.
// The surface normal (z) becomes the viewer's vertical axis, so that dragging turns the slab about its normal.
const HALIDES = new Set(["F", "Cl", "Br", "I"]), A_SITE = new Set(["H", "C", "N", "O", "P", "S", "Li", "Na", "K", "Rb", "Cs", "F", "Cl", "Br", "I"]);
const ALKALI = new Set(["Li", "Na", "K", "Rb", "Cs"]);
const RADII = { H: .31, C: .76, N: .71, O: .66, F: .57, P: 1.07, S: 1.05, Cl: 1.02, Br: 1.2, I: 1.39, Cs: 2.44, Rb: 2.2, K: 2.03, Na: 1.66, Pb: 1.46, Sn: 1.39, Ge: 1.2, Bi: 1.48, Sr: 1.95, Zn: 1.22, Mg: 1.41, Mn: 1.39, Cd: 1.44, In: 1.42, Al: 1.21, Ca: 1.76, Ba: 2.15 };
const HUES = { H: "#f2f2f2", C: "#4d4d4d", N: "#0072b2", O: "#d55e00", F: "#a8d08d", P: "#e69f00", S: "#f0e442", Cl: "#3fae5a", Br: "#a65628", I: "#7b3fa0", Cs: "#8fc1d8", Rb: "#b3a2d8", K: "#cc79a7", Na: "#e0b3d0", Pb: "#5d6b75" };
const radius = (e) => RADII[e] ?? 1.4, hue = (e) => HUES[e] ?? "#009e73";
const SIZE = { H: .5, Cs: .42, Rb: .42, K: .45 };
const BOND_FACTOR = 1.2, HALIDE_REACH = 1.32; // times the sum of covalent radii; Pb-X in a distorted octahedron reaches further

// Atoms of a structure, repeated n x n in the plane, with the image halides that complete the octahedra of the cell.
function cluster(structure, repeat) {
  const symbols = structure.s.split(" "), p = structure.p.map((v) => v / 1000), c = structure.c.map((v) => v / 1000);
  const ligand = new Set(structure.l), frozen = new Set(structure.f), atoms = [];
  const at = (i, u, v) => [p[3 * i] + u * c[0] + v * c[3], p[3 * i + 1] + u * c[1] + v * c[4], p[3 * i + 2] + u * c[2] + v * c[5]];
  for (let u = 0; u < repeat; u++) for (let v = 0; v < repeat; v++) symbols.forEach((e, i) => atoms.push({ e, r: at(i, u, v), ligand: ligand.has(i), frozen: frozen.has(i) }));
  const centres = atoms.filter((a) => !a.ligand && !A_SITE.has(a.e));
  if (structure.pbc[0]) for (let u = -1; u <= repeat; u++) for (let v = -1; v <= repeat; v++) {
    if (u >= 0 && v >= 0 && u < repeat && v < repeat) continue;
    symbols.forEach((e, i) => {
      if (!HALIDES.has(e) || ligand.has(i)) return;
      const r = at(i, u, v);
      if (centres.some((m) => distance(m.r, r) < HALIDE_REACH * (radius(m.e) + radius(e)))) atoms.push({ e, r, ligand: false, frozen: frozen.has(i), image: true });
    });
  }
  for (const m of centres) m.octahedron = atoms.filter((x) => HALIDES.has(x.e) && distance(m.r, x.r) < HALIDE_REACH * (radius(m.e) + radius(x.e))).length >= 4;
  return atoms;
}
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

// State of the viewer's widget interface for these atoms.
function viewerState(atoms, octahedra) {
  const name = (a) => a.ligand ? a.e + "l" : a.e; // the viewer draws polyhedra only around species named as a metal
  const margin = 6, turned = atoms.map(({ r }) => [r[0], r[2], -r[1]]); // a cell with this margin holds no periodic images: those needed are explicit
  const low = [0, 1, 2].map((k) => Math.min(...turned.map((r) => r[k])) - margin), side = [0, 1, 2].map((k) => Math.max(...turned.map((r) => r[k])) - low[k] + margin);
  const species = {}, settings = {}, bonds = {};
  for (const a of atoms) {
    species[name(a)] = a.e;
    settings[name(a)] = { element: a.e, symbol: name(a), color: hue(a.e), radius: radius(a.e) };
  }
  const bond = (x, y, max) => { bonds[`${x}-${y}`] = { specie1: x, specie2: y, color1: hue(species[x]), color2: hue(species[y]), min: 0, max, type: 0 }; };
  const names = Object.keys(species);
  for (const x of names) for (const y of names) {
    const [a, b] = [species[x], species[y]], sum = radius(a) + radius(b);
    if (x === a && !A_SITE.has(a) && HALIDES.has(b)) bond(x, y, HALIDE_REACH * sum);
    else if (x !== a && y !== b && !ALKALI.has(a) && !ALKALI.has(b) && !(a === "H" && b === "H")) bond(x, y, BOND_FACTOR * sum);
  }
  return {
    atoms: { species, cell: [side[0], 0, 0, 0, side[1], 0, 0, 0, side[2]], pbc: [false, false, false], positions: turned.map((r) => r.map((v, k) => v - low[k])), symbols: atoms.map(name), attributes: { atom: {}, species: {} } },
    atomScales: atoms.map((a) => (SIZE[a.e] ?? .45) * (a.ligand ? 1.25 : 1) * (a.image ? .7 : 1)),
    modelSticks: atoms.map((a) => (a.ligand && !ALKALI.has(a.e)) || HALIDES.has(a.e) || !A_SITE.has(a.e) ? 1 : 0), modelPolyhedras: atoms.map((a) => octahedra && a.octahedron ? 1 : 0),
    speciesSettings: settings, bondSettings: bonds, cellSettings: { showCell: false, showAxes: false }, guiConfig: { controls: { enabled: false }, buttons: { enabled: false }, timeline: { enabled: false } },
    modelStyle: 1, colorBy: "Element", colorType: "JMOL", colorRamp: ["#0072b2", "#d55e00"], radiusType: "Covalent", materialType: "Standard", atomLabelType: "None", showBondedAtoms: false,
    hideLongBonds: false, showHydrogenBonds: false, showOutBoundaryBonds: false, boundary: [[0, 1], [0, 1], [0, 1]], currentFrame: 0, continuousUpdate: false, logLevel: "warn", selectedAtomsIndices: [],
    viewerStyle: { width: "100%", height: "100%" }, volumetricData: null, fermiData: null, phonon: {}, cameraSetting: { direction: [.35, .28, 1] }, measurementSettings: {}, animationState: {},
    instancedMeshPrimitive: [], anyMesh: [], text: [], highlightSettings: {}, vectorField: {}, showVectorField: false, showAtomLegend: false,
  };
}

const Structure = {
  library: null, views: [],

  load() {
    return this.library ||= unpackText($("viewer").textContent).then((text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })))).then((module) => module.default);
  },

  able: null, // asked once: browsers keep few drawing contexts
  supported() { return this.able ??= Boolean(document.createElement("canvas").getContext("webgl2")); },

  // Draw `structure` in `box`; every view of the card turns together.
  async draw(box, structure, { repeat, octahedra }) {
    const library = await this.load();
    if (!box.isConnected) return;
    this.release(box);
    const camera = this.views.length ? this.views[0].editor.tjs.camera : null;
    const values = viewerState(cluster(structure, repeat), octahedra), model = { get: (k) => values[k], set: (k, v) => { values[k] = v; }, save_changes() {}, on() {}, off() {} };
    const holder = h("div", { style: "width:100%;height:100%" }), image = h("img", { alt: "" });
    box.replaceChildren(holder, image);
    for (const type of ["keydown", "keyup", "click", "dblclick"]) holder.addEventListener(type, (e) => e.stopPropagation(), true); // look, do not edit
    const log = console.log;
    console.log = () => {};
    try { library.render({ model, el: holder }); } finally { console.log = log; }
    const view = { box, image, editor: window.editor };
    delete window.editor;
    holder.querySelectorAll("button, input, select").forEach((n) => n.remove());
    this.frame(view, values.atoms.positions, camera);
    view.editor.tjs.controls.addEventListener("change", () => this.follow(view));
    this.views.push(view);
    box.dataset.drawn = "1";
  },

  // Fill the view with the atoms; keep the direction and zoom that the other views have.
  frame(view, positions, other) {
    const { camera, controls } = view.editor.tjs, middle = [0, 1, 2].map((k) => (Math.min(...positions.map((r) => r[k])) + Math.max(...positions.map((r) => r[k]))) / 2);
    const reach = Math.max(...positions.map((r) => distance(r, middle))) + 1, aspect = view.box.clientWidth / view.box.clientHeight || 1.5;
    const offset = camera.position.clone();
    other ? offset.copy(other.position).sub(this.views[0].editor.tjs.controls.target) : offset.set(.3, .22, 1);
    controls.target.set(...middle);
    camera.position.copy(controls.target).add(offset.setLength(4 * reach));
    Object.assign(camera, { left: -reach * aspect, right: reach * aspect, top: reach, bottom: -reach, near: .1, far: 20 * reach, zoom: other ? other.zoom : 1.12 });
    camera.updateProjectionMatrix();
    controls.update();
    view.editor.tjs.render();
  },

  follow(leader) {
    if (this.following) return;
    this.following = true;
    const from = leader.editor.tjs, offset = from.camera.position.clone().sub(from.controls.target);
    for (const view of this.views) {
      const { camera, controls } = view.editor.tjs;
      if (view !== leader) { camera.position.copy(controls.target).add(offset); camera.zoom = from.camera.zoom; camera.updateProjectionMatrix(); controls.update(); }
      view.editor.tjs.render();
    }
    this.following = false;
  },

  // Turn by angles in radians about the normal and towards it; zoom by a factor.
  turn(box, about, tilt, zoom = 1) {
    const view = this.views.find((v) => v.box === box);
    if (!view) return;
    const { camera, controls } = view.editor.tjs, offset = camera.position.clone().sub(controls.target), r = offset.length();
    const azimuth = Math.atan2(offset.x, offset.z) + about, polar = Math.max(.02, Math.min(Math.PI - .02, Math.acos(offset.y / r) - tilt));
    camera.position.copy(controls.target).add(offset.set(r * Math.sin(polar) * Math.sin(azimuth), r * Math.cos(polar), r * Math.sin(polar) * Math.cos(azimuth)));
    camera.zoom *= zoom;
    camera.updateProjectionMatrix();
    controls.update();
    view.editor.tjs.render();
    this.follow(view);
  },

  // Still pictures, for paper.
  picture() { for (const { image, editor } of this.views) image.src = editor.tjs.exportImage(2); },

  release(box) {
    this.views = this.views.filter((view) => {
      if (box && view.box !== box) return true;
      const { renderer } = view.editor.tjs.renderers.MainRenderer;
      renderer.dispose();
      renderer.forceContextLoss();
      return false;
    });
  },
};
