"""A model slab with levels put in by hand, for tests.

It has 4 lead and 8 bromine atoms in four layers, the bottom one frozen; a bulk-like valence state is
spread evenly over all bromine p, a bulk-like conduction state over all lead p. Its gap is 2 eV.
"""

import numpy as np

from peropass.records import Address, LevelSet, LevelsRecord, Provenance, StructureRef

GAP = 2.0
S, P, D = 0, 1, 2
CELL = [[8.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 40.0]]


def sites():
    """(symbol, position, layer) of the model slab; layer 4 is the frozen bottom."""
    out = []
    for layer in (4, 3, 2, 1):
        z = 10.0 + 3.0 * (4 - layer)
        out.append(("Pb", (0.0, 0.0, z), layer))
        out.append(("Br", (3.0, 0.0, z), layer))
        out.append(("Br", (0.0, 3.0, z), layer))
    return out


class Model:
    """A slab with named states, made into a record."""

    def __init__(self, remove=(), ligand=(), site="pristine"):
        slab = [s for i, s in enumerate(sites()) if i not in remove]
        self.symbols = [s for s, _, _ in slab] + [s for s, _ in ligand]
        self.positions = [p for _, p, _ in slab] + [p for _, p in ligand]
        self.layers = [layer for _, _, layer in slab] + [0] * len(ligand)
        self.fragment = [0] * len(slab) + [1] * len(ligand)
        self.site = site
        self.states = []
        for depth in (0.0, 0.3, 0.6):
            self.add(-depth, 1.0, self.spread("Br", P))
            self.add(GAP + depth, 0.0, self.spread("Pb", P))

    def spread(self, symbol, ell, atoms=None):
        """Equal weight on all slab atoms of one element, or on the given atoms."""
        weights = np.zeros((len(self.symbols), 3))
        chosen = atoms or [
            i for i, s in enumerate(self.symbols) if s == symbol and not self.fragment[i]
        ]
        weights[chosen, ell] = 1.0 / len(chosen)
        return weights

    def add(self, energy, filling, weights):
        self.states.append((energy, filling, weights))
        return self

    def record(self, shift=0.0, vacuum=0.0, soc_change=None, **changes):
        """LevelsRecord with everything shifted by `shift` and `vacuum` Angstrom more below and above."""
        soc = self._level_set(shift, 2, soc_change)
        scalar = self._level_set(shift, 1, None)
        n = len(self.symbols)
        cell = [CELL[0], CELL[1], [0.0, 0.0, CELL[2][2] + 2 * vacuum]]
        fields = dict(
            status="ok",
            address=Address(campaign="c", protocol="p", host="h", termination="t", site=self.site),
            provenance=Provenance(revision=1, physics_hash="x"),
            settings_hash="s",
            settings={},
            structure=StructureRef(file="x", hash="x", n_atoms=n, composition={}),
            kpts=(1, 1, 1),
            cell_ang=cell,
            n_electrons=100,
            vacuum_eV=[4.0 + shift, 4.5 + shift],
            atomic_potentials_eV=[-50.0 + shift] * n,
            semicore_atoms_eV=[-20.0 + shift] * n,
            symbols=self.symbols,
            positions_ang=[(x, y, z + vacuum) for x, y, z in self.positions],
            fixed=[i for i, layer in enumerate(self.layers) if layer == 4],
            fragment=self.fragment,
            layer=self.layers,
            scalar=scalar,
            soc=soc,
        )
        return LevelsRecord(**{**fields, **changes})

    def _level_set(self, shift, copies, change):
        states = sorted(self.states, key=lambda s: s[0])
        if change:
            states = sorted(((change(e), f, w) for e, f, w in states), key=lambda s: s[0])
        listed = [s for s in states for _ in range(copies)]
        return LevelSet(
            spin_orbit=copies == 2,
            first_index=10 * copies,
            n_occupied=10 * copies + sum(f > 0.5 for _, f, _ in listed),
            energies_eV=[e - 3.0 + shift for e, _, _ in listed],
            filling=[f for _, f, _ in listed],
            spin=[0] * len(listed),
            kpoint=[0] * len(listed),
            weights=[w.tolist() for _, _, w in listed],
        )


TOP_LEAD, TOP_BROMINE = 9, 10  # indices in `sites`; without the bromine the lead keeps its index
LIGAND = [("C", (3.0, 3.0, 21.0)), ("O", (3.0, 0.0, 21.0))]


def pristine():
    return Model()


def vacancy():
    return Model(remove=[TOP_BROMINE], site="V-X")


def dangling_lead(model, energy, filling=0.0):
    """A level that is all Pb 6p of the exposed lead."""
    return model.add(energy, filling, model.spread("Pb", P, [TOP_LEAD]))


def ligand_level(model, energy, filling=1.0):
    atoms = [i for i, f in enumerate(model.fragment) if f]
    return model.add(energy, filling, model.spread("", P, atoms))
