"""Pictures of built structures for the documentation: one per site and one per class of ligand.

Drawn with ASE's own matplotlib renderer from what the builders really return; no picture is edited by hand.
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

SITES = {
    "pristine": "pristine 001-CsX",
    "V-CsX": "V-CsX: one Cs and its nearest halide removed, exposes one Pb",
    "V-X": "V-X: halide vacancy",
    "V-Cs": "V-Cs: caesium vacancy",
    "V-PbX2": "V-PbX2: a Pb and two halides removed",
    "Cs-Pb": "Cs-Pb: caesium on a lead site",
    "ad-Pb": "ad-Pb: lead adatom",
    "Bi-Pb-V-Cs": "Bi on Pb, compensated by V-Cs",
}
LIGANDS = {
    "ion-pair": ("ddab", {"tail_carbons": 2}, "DDAB model, diethyldimethylammonium bromide"),
    "X-type": ("dbsa", {}, "caesium methanesulfonate"),
    "L-type": ("topo", {}, "trimethylphosphine oxide"),
    "Z-type": ("znx2", {}, "zinc bromide"),
    "zwitterion": ("sulfobetaine", {}, "sulfobetaine"),
    "halide-donor": ("tmsx", {}, "bromotrimethylsilane"),
}
HOST, TERMINATION, LATERAL, HEIGHT_ANG = "CsPbBr3-cubic", "001-CsX", "2x2", 40.0


def write_gallery(folder: Path, page: Path) -> list[Path]:
    """Draw all structures into `folder` and write the page that shows them; returns the files."""
    written = []
    lines = [
        "# Structures that the builders make",
        "",
        "Every picture is drawn from the builders' own output (`peropass docs --pictures`): side view on the left, top view",
        f"on the right; {HOST}, {TERMINATION}, {LATERAL} cell, three atomic layers. The ligand is placed, not relaxed.",
        "",
        "## Sites",
        "",
    ]
    slab = _slab()
    for site, caption in SITES.items():
        file = folder / f"site-{site}.png"
        _draw(_site(slab, site), file)
        written.append(file)
        lines += [f"![{caption}]({file.relative_to(page.parent)})", "", caption, ""]
    lines += ["## One ligand of each class on V-CsX", ""]
    for name, (ligand, options, caption) in LIGANDS.items():
        file = folder / f"class-{name}.png"
        _draw(_loaded(slab, ligand, options), file)
        written.append(file)
        lines += [f"![{caption}]({file.relative_to(page.parent)})", "", f"{name}: {caption}", ""]
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return [*written, page]


def _slab() -> Atoms:
    from peropass.surfaces.hosts import load_host
    from peropass.surfaces.slabs import build_slab

    host = load_host(HOST)
    return build_slab(
        host,
        TERMINATION,
        a_ang=host.pseudocubic_ang,
        lateral=LATERAL,
        layers=3,
        height_ang=HEIGHT_ANG,
        tilt=True,
    )


def _site(slab: Atoms, site: str) -> Atoms:
    from peropass.surfaces.defects import make_site

    return make_site(slab, site).atoms


def _loaded(slab: Atoms, ligand: str, options: dict) -> Atoms:
    from peropass.chemistry.library import build_model, load_library
    from peropass.surfaces.defects import make_site
    from peropass.surfaces.poses import generate_poses

    model = build_model(load_library().entry(ligand), halide="Br", n_conformers=2, **options)
    socket = make_site(slab, "V-CsX")
    return generate_poses(socket.atoms, socket.holes, model, n=4, seed=3).poses[0].atoms


def _draw(atoms: Atoms, file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from ase.visualize.plot import plot_atoms

    shown = atoms.copy()
    shown.set_constraint()
    shown.cell[2, 2] = float(shown.positions[:, 2].max()) + 2.0
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), width_ratios=(1.2, 1.0))
    plot_atoms(shown, axes[0], rotation="-90x", radii=0.5, show_unit_cell=0)
    plot_atoms(shown, axes[1], radii=0.5, show_unit_cell=2)
    for axis in axes:
        axis.set_axis_off()
    figure.tight_layout(pad=0.2)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)
    plt.close(figure)
