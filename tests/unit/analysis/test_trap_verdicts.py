"""Many slabs loaded on one socket: verdicts do not hang on which were judged before."""

from level_model import LIGAND, TOP_BROMINE, Model, dangling_lead, ligand_level, pristine, vacancy

from peropass.analysis.traps import TrapVerdicts, assess


def loaded(traps, ligand=()):
    model = Model(remove=[TOP_BROMINE], ligand=LIGAND, site="V-X")
    for energy in traps:
        dangling_lead(model, energy)
    for energy in ligand:
        ligand_level(model, energy)
    return model.record()


def test_verdicts_on_one_socket_are_those_of_each_slab_by_itself():
    clean, socket = pristine().record(), dangling_lead(vacancy(), 0.7).record()
    slabs = [loaded([]), loaded([0.7]), loaded([0.5, 0.9]), loaded([], [0.8])]
    verdicts = TrapVerdicts(clean, socket)
    there = [verdicts.of(slab) for slab in slabs]
    back = [verdicts.of(slab) for slab in reversed(slabs)]
    assert there == back[::-1] == [assess(clean, socket, slab) for slab in slabs]
    assert there[0].verdict == "healed"
