"""Which cells are computed spin-polarised."""

from __future__ import annotations

from ase import Atoms

MAGNETIC = frozenset({"Mn", "Fe", "Co", "Ni", "Cu"})
# ASSUME an even number of electrons without magnetic ions is a closed shell: a biradical (a lead adatom with 6p2, two distant halide vacancies)
# would lie lower with parallel spins and is not looked for.
# Valence electrons of the PAW datasets matter only through their parity, which is that of the atomic number
# less an even core; all default datasets of GPAW have an even number of frozen core electrons.


def needs_spin(atoms: Atoms, unpaired: bool = False) -> bool:
    """True for an odd number of electrons, for magnetic ions and where the ligand says so (O2)."""
    return (
        unpaired
        or int(atoms.numbers.sum()) % 2 == 1
        or bool(MAGNETIC & set(atoms.get_chemical_symbols()))
    )
