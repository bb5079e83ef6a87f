"""Each kind of control can come out against its expectation, shown on the committed slabs with a level planted by hand."""

from pathlib import Path

import numpy as np
import pytest

from peropass.analysis.controls import Asked, judge
from peropass.analysis.sites import trap_fields
from peropass.records import LevelsRecord, Provenance, SiteRecord, read_record

ROOT = Path(__file__).resolve().parents[3] / "results/reference/controls/smoke-hse"
CLEAN = (
    "CsPbBr3-cubic/001-CsX/pristine",
    "CsPbCl3-cubic/001-CsX/pristine",
    "CsPbI3-cubic/001-CsX/pristine",
    "CsPbBr3-cubic/001-CsX/V-CsX",
    "CsPbBr3-cubic/001-CsX/Sr-Pb",
)


def levels_of(place):
    return read_record(ROOT / place / "none/none/levels.record.json", LevelsRecord)


def planted(record, depth_eV, ell=1):
    """The record with an empty Kramers pair on one lead atom of the face, `depth_eV` below its lowest empty level."""
    lead = min(
        (i for i, s in enumerate(record.symbols) if s == "Pb"), key=lambda i: record.layer[i]
    )
    weights = np.zeros((len(record.symbols), 3))
    weights[lead, ell] = 1.0
    decides = record.hse_soc
    bottom = min(e for e, f in zip(decides.energies_eV, decides.filling, strict=True) if f < 0.5)
    pair = {
        "energies_eV": bottom - depth_eV,
        "filling": 0.0,
        "spin": 0,
        "kpoint": 0,
        "weights": weights.tolist(),
        "captured": 1.0,
    }
    longer = {name: [*getattr(decides, name), value, value] for name, value in pair.items()}
    return record.model_copy(update={"hse_soc": decides.model_copy(update=longer)})


def found(pristine, system):
    return SiteRecord(
        status="ok",
        address=system.address,
        provenance=Provenance(revision=1, physics_hash="x"),
        **trap_fields(pristine, system),
    )


def outcome(expected, record):
    asked = Asked(name="one", host="h", termination="t", site="s", expected=expected)
    return judge([asked], {"one": record})[0].outcome


@pytest.mark.parametrize("place", CLEAN)
def test_a_trap_in_a_slab_that_should_be_clean_differs(place):
    """Half an electronvolt beyond the margin, all on one lead atom: as an edge of the pristine slab, as a level of the others."""
    host = place.rsplit("/", 1)[0]
    pristine, system = levels_of(f"{host}/pristine"), levels_of(place)
    clean = found(pristine, system)
    assert outcome("no-trap", clean) == "as expected"
    assert outcome("trap", clean) == "differs"
    assert outcome("ligand-level", clean) == "differs"
    depth = clean.margin_eV + max(0.0, clean.gap_eV - clean.gap_pristine_eV) + 0.5
    spoiled = planted(system, depth)
    reference = spoiled if place.endswith("pristine") else pristine
    trapped = found(reference, spoiled)
    for expected in ("no-trap", "shallow-or-host-like"):
        assert outcome(expected, trapped) == "differs"
    assert outcome("trap", trapped) == "as expected"
