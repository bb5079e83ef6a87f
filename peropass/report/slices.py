"""Density slices of the states next to the gap: read, chosen, drawn and put into words, for sites and for cards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from matplotlib.figure import Figure
from numpy.lib.npyio import NpzFile

from peropass.analysis.levels import spectrum, state_shares
from peropass.errors import AnalysisRefused
from peropass.records import GapState, LevelsRecord, TrapReport
from peropass.report.electronic_figures import state_figure
from peropass.report.level_diagram import MEANINGS, figure_svg, valence_edge

SLICES = "levels.slices.npz"
ABOVE_SLAB_ANG = 4.0  # of vacuum that a slice shows
PLANE_ATOMS_ANG = 1.5  # atoms this near to the plane of a slice are marked on it
SAME_STATE_EV = 0.002  # between a slice and the state that a record classifies
CARD_WIDTH_IN = 3.1
CARD_DPI = 40  # of the picture alone, twice as fine as the stored grid; axes and words are vectors
NAMED_ORBITALS = 2


@dataclass(frozen=True)
class Slices:
    """Densities (n, nlateral, nnormal) of states next to the gap, without spin-orbit coupling."""

    density_per_ang3: np.ndarray
    extent_ang: np.ndarray
    through_ang: np.ndarray
    energies_eV: np.ndarray
    filling: np.ndarray
    band: np.ndarray
    spin: np.ndarray


def read_slices(path: Path) -> Slices | None:
    """Density slices beside a levels record; None where there are none or the file is torn."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _slices(stored)
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _slices(stored: NpzFile) -> Slices:
    found = Slices(**{name: stored[name] for name in Slices.__dataclass_fields__})
    n = len(found.energies_eV)
    per_state = (found.through_ang, found.filling, found.band, found.spin)
    if found.density_per_ang3.ndim != 3 or found.density_per_ang3.size == 0:
        raise ValueError("slices: densities are no stack of planes")
    if any(part.shape != (n,) for part in per_state) or len(found.density_per_ang3) != n:
        raise ValueError("slices: not as many densities as states")
    if found.extent_ang.shape != (2,) or not (found.extent_ang > 0).all():
        raise ValueError("slices: a plane has two lengths")
    return found


def shown_states(slices: Slices) -> list[int]:
    """The highest filled and the lowest empty state of each spin, by their place in `slices`."""
    shown = []
    for spin in sorted(set(slices.spin.tolist())):
        filled = [n for n in np.flatnonzero(slices.spin == spin) if slices.filling[n] > 0.5]
        empty = [n for n in np.flatnonzero(slices.spin == spin) if slices.filling[n] <= 0.5]
        shown += [filled[-1]] if filled else []
        shown += [empty[0]] if empty else []
    return [int(n) for n in shown]


def slice_figure(
    slices: Slices, levels: LevelsRecord, n: int, zero_eV: float, width_in: float = 4.0
) -> Figure:
    """State `n` of `slices` with the atoms of its slab near the plane.

    `zero_eV` is the valence edge of the pristine slab on the energy scale of `slices`.
    """
    above = f"{float(slices.energies_eV[n]) - zero_eV:.2f}".replace("-", "\u2212")
    across = np.linalg.norm(np.array(levels.cell_ang)[0])
    atoms = []
    for symbol, (x, y, z) in zip(levels.symbols, levels.positions_ang, strict=True):
        off = abs((x - slices.through_ang[n] + across / 2) % across - across / 2)
        if off <= PLANE_ATOMS_ANG:
            atoms.append((symbol, y % float(slices.extent_ang[0]), z))
    width, height = (float(x) for x in slices.extent_ang)
    planes = slices.density_per_ang3.shape[2]
    top = max(z for _, _, z in levels.positions_ang) + ABOVE_SLAB_ANG
    kept = min(planes, int(np.ceil(planes * top / height)))
    return state_figure(
        slices.density_per_ang3[n][:, :kept],
        np.array([width, height * kept / planes]),
        atoms=atoms,
        title=f"{state_words(slices, n)}, {above} eV\n(without spin-orbit coupling)",
        width_in=width_in,
    )


def state_words(slices: Slices, n: int) -> str:
    """State `n` in words: its place, and its spin where the calculation has two."""
    kind = "highest filled" if slices.filling[n] > 0.5 else "lowest empty"
    polarised = len(set(slices.spin.tolist())) > 1
    spin = f", spin {'up' if slices.spin[n] == 0 else 'down'}" if polarised else ""
    return f"{kind} state{spin}"


def card_slices(
    slices: Slices | None,
    levels: LevelsRecord | None,
    pristine: LevelsRecord | None,
    traps: TrapReport,
) -> list[dict[str, str]]:
    """Pictures of a loaded slab for the card of its candidate: SVG text, caption, text for those who do not see it.

    Empty where the slices or one of the records that they are aligned by are missing.
    """
    if slices is None or levels is None or pristine is None:
        return []
    if levels.scalar is None or pristine.scalar is None or not levels.positions_ang:
        return []
    zero = valence_edge(pristine.scalar) + traps.alignment_eV
    classified = traps.states_after if traps.levels == "scalar" else traps.states_after_scalar
    pictures = []
    for n in shown_states(slices):
        caption = _caption(slices, n, zero, _character(slices, n, levels, classified, zero))
        figure = slice_figure(slices, levels, n, zero, CARD_WIDTH_IN)
        pictures.append(
            {
                "svg": figure_svg(figure, dpi=CARD_DPI),
                "caption": f"{caption}.",
                "alt": f"Density slice of the loaded slab. {caption}. {_brightest(slices, n)}.",
            }
        )
    return pictures


def _caption(slices: Slices, n: int, zero_eV: float, character: str) -> str:
    above = float(slices.energies_eV[n]) - zero_eV
    words = state_words(slices, n).capitalize()
    side = "above" if above >= 0 else "below"
    return f"{words}, {abs(above):.2f} eV {side} the valence edge of the pristine slab: {character}"


def _character(
    slices: Slices, n: int, levels: LevelsRecord, classified: list[GapState], zero_eV: float
) -> str:
    """Class of state `n` where the record has one, and what it is made of."""
    above = float(slices.energies_eV[n]) - zero_eV
    for state in classified:
        same = state.spin == slices.spin[n] and state.kpoint == 0
        if same and abs(state.energy_above_vbm_eV - above) <= SAME_STATE_EV:
            return "; ".join(text for text in (MEANINGS[state.label], state.character) if text)
    return "; ".join(["not inside the gap of the pristine slab", *_orbitals(slices, n, levels)])


def _orbitals(slices: Slices, n: int, levels: LevelsRecord) -> list[str]:
    """The orbitals that hold most of state `n`; nothing where the record has no weights of it."""
    try:
        found = spectrum(levels, "scalar")
    except AnalysisRefused:
        return []
    state = (int(slices.band[n]), int(slices.spin[n]), 0)
    listed = zip(found.index.tolist(), found.spin.tolist(), found.kpoint.tolist(), strict=True)
    if state not in set(listed):
        return []
    shares = state_shares(levels, found, *state)[1]
    most = list(shares.items())[:NAMED_ORBITALS]
    return [", ".join(f"{name} {100 * share:.0f} %" for name, share in most)]


def _brightest(slices: Slices, n: int) -> str:
    """Where the plane of state `n` holds most of it, in words."""
    plane = slices.density_per_ang3[n]
    across, up = np.unravel_index(int(np.argmax(plane)), plane.shape)
    lateral, height = slices.extent_ang / plane.shape * (across, up)
    return f"Brightest {lateral:.1f} \u00c5 along the surface and {height:.1f} \u00c5 up"
