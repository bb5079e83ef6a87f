"""Plots and page of the convergence ladders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

UNITS = {
    "cutoff": "plane-wave cutoff, eV",
    "k_points": "k-points per axis of the sqrt2 cell (structures fixed)",
    "relaxed_mesh": "k-points per axis of the sqrt2 cell (slabs relaxed)",
    "vacuum": "vacuum added to the slab cell, A",
    "box": "vacuum around the molecule, A",
    "layers": "atomic layers (structures fixed)",
    "lateral_cell": "surface A sites per ligand",
    "copies": "copies in the cell: Gamma of the 2x2 cell at 2",
}
WIDTH_IN, HEIGHT_IN = 4.2, 2.8


def plot(ladder: str, bindings: Mapping[str, Mapping[float, float]], path: Path) -> Path:
    """Binding energy of each probe against the rung, less its value at the last rung that the probe has (meV)."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "peropass"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    for marker, (probe, found) in zip("os^Dv<>P", sorted(bindings.items()), strict=False):
        rungs = sorted(found)
        last = found[rungs[-1]]
        axes.plot(rungs, [1000 * (found[r] - last) for r in rungs], marker=marker, label=probe)
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xticks(sorted({r for found in bindings.values() for r in found}))
    axes.set_xlabel(UNITS.get(ladder, ladder))
    axes.set_ylabel("binding energy - last rung, meV")
    axes.legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def page(found: dict) -> str:
    """docs/convergence.md from docs/convergence.json."""
    lines = [
        "# Convergence",
        "",
        "Made by `make convergence` (`config/convergence.yaml`); numbers in [convergence.json](convergence.json). Binding energies in eV, from single points",
        f"on structures relaxed at the protocol `{found['protocol']}` ({found['host']}, {found['termination']}, {found['site']}) where nothing else is said. The terms that rank stand in",
        "`config/error-model.yaml`; its block `measured` is written from these tables and replaces what is assumed.",
    ]
    for name, ladder in found["ladders"].items():
        lines += ["", f"## {name.replace('_', ' ')}", ""]
        if ladder["fixed_structure"]:
            lines += [
                "Structures fixed: this is the response of the electrons alone, not that of the positions."
            ]
            lines += [""]
        lines += _table(ladder, found["probes"])
        if ladder["bindings"]:
            lines += ["", f"![{name}](images/convergence-{name}.svg)"]
        for protocol, term in ladder["terms"].items():
            lines += [
                "",
                f"`{protocol}` works at {term['rung']:g}: sigma {1000 * term['sigma_eV']:.0f} meV, common share {term['common']:.2f}"
                f" (against {term['reference']:g}; {', '.join(term['probes'])}). "
                + (
                    f"Not in the error model: {term['kept_out']}."
                    if term["kept_out"]
                    else f"In the error model as `{ladder['term']}`."
                ),
            ]
    lines += ["", "## Planned", ""]
    lines += [f"- {name.replace('_', ' ')}: {text}" for name, text in found["planned"].items()]
    return "\n".join(lines) + "\n"


def _table(ladder: dict, probes: Mapping[str, str]) -> list[str]:
    rungs = ladder["rungs"]
    head = "| probe | " + " | ".join(f"{r:g}" for r in rungs) + f" | ({ladder['unit']}) |"
    lines = [head, "|---" * (len(rungs) + 2) + "|"]
    for probe, what in probes.items():
        values = ladder["bindings"].get(probe, {})
        cells = [f"{values[str(r)]:.4f}" if str(r) in values else "planned" for r in rungs]
        lines.append(f"| {probe} | " + " | ".join(cells) + f" | {what} |")
    return lines
