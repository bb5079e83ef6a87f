"""Slabs at published lattice constants and ligand models written by hand, independent of the library."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.chemistry.model import Anchor, LigandModel, LigandPart
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab


def ion(symbol: str, charge: int, targets: tuple) -> LigandPart:
    role = "cation" if charge > 0 else "anion"
    return LigandPart(
        f"[{symbol}{'+' if charge > 0 else '-'}]",
        charge,
        role,
        (Anchor(f"{symbol}0", (0,), targets),),
        (Atoms(symbol, positions=[[0, 0, 0]]),),
    )


def methylammonium() -> LigandPart:
    """CH3NH3+, atoms C N H H H (on C) H H H (on N), staggered, tetrahedral angles."""
    cc, ch, nh = 1.49, 1.09, 1.03
    polar, rise = np.sin(np.radians(109.5)), -np.cos(np.radians(109.5))
    positions = [[0, 0, 0], [0, 0, cc]]
    for k in range(3):
        angle = 2 * np.pi * k / 3
        positions.append([ch * polar * np.cos(angle), ch * polar * np.sin(angle), -ch * rise])
    for k in range(3):
        angle = 2 * np.pi * (k + 0.5) / 3
        positions.append([nh * polar * np.cos(angle), nh * polar * np.sin(angle), cc + nh * rise])
    atoms = Atoms("CNH6", positions=positions)
    anchors = (Anchor("N1", (1,), ("A-hole", "halide")),)
    return LigandPart("C[NH3+]", 1, "cation", anchors, (atoms,))


def model(name: str, ligand_class: str, parts: list[LigandPart], motifs=()) -> LigandModel:
    smiles = ".".join(part.smiles for part in parts)
    return LigandModel(
        name, "default", ligand_class, smiles, smiles, "none", tuple(parts), motifs=motifs
    )


@pytest.fixture(scope="session")
def build_set():
    """Make a ligand model of parts."""
    return model


CATION, ANION = ("A-hole", "halide"), ("X-hole", "Pb")


@pytest.fixture(scope="session")
def caesium_bromide() -> LigandModel:
    return model("csbr", "Z-type", [ion("Cs", 1, CATION), ion("Br", -1, ANION)])


@pytest.fixture(scope="session")
def ma_bromide() -> LigandModel:
    return model("ma-br", "ion-pair", [methylammonium(), ion("Br", -1, ANION)])


@pytest.fixture(scope="session")
def zinc_bromide() -> LigandModel:
    parts = [ion("Zn", 2, ("halide", "A-hole", "Pb")), ion("Br", -1, ANION), ion("Br", -1, ANION)]
    motifs = (
        "adsorbed-on-halide",
        "halide-into-V-X",
        "metal-on-A-hole",
        "metal-on-Pb",
        "PbX2-adlayer",
    )
    return model("znx2", "Z-type", parts, motifs)


@pytest.fixture(scope="session")
def water() -> LigandModel:
    atoms = molecule("H2O")
    part = LigandPart("O", 0, "neutral", (Anchor("O0", (0,), ("Pb",)),), (atoms,))
    return model("water", "L-type", [part])


@pytest.fixture(scope="session")
def butanol() -> LigandModel:
    """A rod, for orientations: O and five C in a row, no hydrogens."""
    atoms = Atoms("OC5", positions=[[0, 0, 1.45 * k] for k in range(6)])
    part = LigandPart("rod", 0, "neutral", (Anchor("O0", (0,), ("Pb",)),), (atoms,))
    return model("rod", "L-type", [part])


@pytest.fixture(scope="session")
def host():
    return load_host("CsPbBr3-cubic")


@pytest.fixture(scope="session")
def slab(host) -> Atoms:
    return build_slab(host, "001-CsX", a_ang=5.98, layers=3, height_ang=27, tilt=True)


@pytest.fixture(scope="session")
def ideal(host) -> Atoms:
    return build_slab(host, "001-CsX", a_ang=5.98, layers=3, height_ang=27, tilt=False)


@pytest.fixture(scope="session")
def socket(slab):
    return make_site(slab, "V-CsX")
