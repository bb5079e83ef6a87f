// Start: unpack the rows, wire the parts, keep the view in the address of the page.
const state = {
  picked: null, moved: false, opened: null,

  async start() {
    this.data = await unpack($("rows").textContent);
    const c = this.data.columns;
    this.weights = { ...this.data.weights };
    this.socketOf = c.host.map((host, i) => `${host}/${c.termination[i]}/${c.site[i]}`);
    this.sockets = [...new Set(this.socketOf)].sort();
    this.ranks = c.rank.slice();
    this.scores = c.score.slice();
    this.mostRank = Math.max(1, ...c.rank_high.map((r) => r || 0));
    Table.start(this);
    this.buildWeights();
    Map2.start(this);
    this.restore();
    Table.refresh(true);
    if (this.moved) this.reweigh();
    const box = $("stability");
    if (box) new IntersectionObserver((entries, me) => { if (entries.some((e) => e.isIntersecting)) { me.disconnect(); box.replaceChildren(...[stability(this)].flat()); } }, { rootMargin: "300px" }).observe(box);
    Card.start(this);
    window.addEventListener("hashchange", () => { if (location.hash.includes("=") && location.hash.slice(1) !== this.hash) { this.restore(); this.reweigh(); } });
    document.addEventListener("keydown", (e) => { if (e.key === "Escape") for (const m of document.querySelectorAll(".menu[open]")) m.open = false; });
    document.addEventListener("click", (e) => { for (const m of document.querySelectorAll(".menu[open]")) if (!m.contains(e.target)) m.open = false; });
    const wanted = this.wantedCard;
    if (wanted) { const i = this.find(wanted); if (i >= 0) this.open(i); }
    document.documentElement.dataset.ready = "1";
  },

  buildWeights() {
    this.sliders = {};
    const names = Object.keys(this.weights), known = names.some((n) => this.data.columns.scaled.some((a) => a && n in a));
    $("weights").append(h("p", { style: "margin-top:0" }, known ? "Order under other weights of the score; defaults come from the campaign file. Intervals and ties belong to the defaults and are hidden while a weight differs."
      : "The ranking holds no scaled axes, so no other weights can be tried here."));
    if (!known) return;
    const top = Math.max(3, ...Object.values(this.weights));
    for (const name of names) {
      const out = h("output", { class: "n" }, num(this.weights[name], 1));
      const input = h("input", { type: "range", min: 0, max: top, step: 0.1, value: this.weights[name], id: "w-" + name, oninput: () => {
        this.weights[name] = Number(input.value);
        out.textContent = num(this.weights[name], 1);
        this.reweigh();
      } });
      this.sliders[name] = [input, out];
      $("weights").append(h("label", { class: "w" }, name.replace(/_eV$/, "").replaceAll("_", " "), input, out));
    }
    $("weights").append(h("button", { type: "button", id: "w-reset", onclick: () => this.setWeights({ ...this.data.weights }) }, "Back to the campaign\u2019s weights"));
  },

  setWeights(weights) {
    this.weights = weights;
    for (const [name, [input, out]] of Object.entries(this.sliders)) { input.value = weights[name]; out.textContent = num(weights[name], 1); }
    this.reweigh();
  },

  reweigh() {
    const c = this.data.columns, names = Object.keys(this.sliders);
    this.moved = names.some((n) => Math.abs(this.weights[n] - this.data.weights[n]) > 1e-9);
    this.scores = this.moved ? scores(this.data, this.weights) : c.score.slice();
    this.ranks = this.moved ? ranksWithin(this.scores, this.socketOf) : c.rank.slice();
    const shifted = this.ranks.filter((r, i) => r !== c.rank[i]).length;
    $("changed").hidden = !this.moved;
    $("changed").textContent = this.moved ? `Weights differ from the campaign file: ${names.map((n) => `${n} ${num(this.weights[n], 1)}`).join(", ")}. ${shifted} ${shifted === 1 ? "rank differs" : "ranks differ"}.` : "";
    Table.refresh(true);
    Map2.redraw();
  },

  key(i) { const c = this.data.columns; return `${this.socketOf[i]}/${c.candidate[i]}`; },
  find(key) { return this.socketOf.findIndex((_, i) => this.key(i) === key); },

  pick(i, scroll = false) {
    this.picked = i;
    Table.pick(i, scroll);
    Map2.pick(i);
  },

  open(i) {
    this.pick(i);
    this.opened = i;
    this.changed();
    Card.show(i);
  },

  // The view as a fragment: sort, filters, weights, map axes, open card; only what differs from the default.
  changed() {
    const p = new URLSearchParams();
    if (Table.sort.id !== "rank" || Table.sort.down) p.set("sort", Table.sort.id + (Table.sort.down ? ":down" : ""));
    if ($("q").value) p.set("q", $("q").value);
    for (const [id] of FILTERS) if (Table.selects[id].value) p.set(id, Table.selects[id].value);
    if (this.moved) for (const n of Object.keys(this.sliders)) p.set("w." + n, num(this.weights[n], 1));
    for (const id of ["map-x", "map-y", "map-c"]) { const e = $(id), first = e.options[id === "map-y" ? 1 : 0]; if (first && e.value !== first.value) p.set(id, e.value); }
    if (this.opened !== null) p.set("card", this.key(this.opened));
    this.hash = p.toString();
    if (location.hash.slice(1) !== this.hash) history.replaceState(null, "", this.hash ? "#" + this.hash : location.pathname + location.search);
    if (Map2.kept !== Table.kept) { Map2.kept = Table.kept; Map2.redraw(); }
  },

  restore() {
    const p = new URLSearchParams(location.hash.slice(1));
    const sort = (p.get("sort") || "rank").split(":");
    if (COLUMNS.some((k) => k.id === sort[0])) Table.sort = { id: sort[0], down: sort[1] === "down" };
    $("q").value = p.get("q") || "";
    for (const [id] of FILTERS) Table.selects[id].value = p.get(id) || "";
    for (const id of ["map-x", "map-y", "map-c"]) if (p.get(id)) $(id).value = p.get(id);
    for (const n of Object.keys(this.sliders)) {
      const value = Number(p.get("w." + n) ?? NaN);
      this.weights[n] = Number.isFinite(value) && value >= 0 ? value : this.data.weights[n];
      this.sliders[n][0].value = this.weights[n];
      this.sliders[n][1].textContent = num(this.weights[n], 1);
      if (this.weights[n] !== this.data.weights[n]) this.moved = true;
    }
    this.wantedCard = p.get("card");
  },
};
window.peropass = { sortMs: null };
state.start();
