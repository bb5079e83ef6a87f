"""Memory that is predicted from a cell against the peak that finished jobs reported: asked for, 30 %."""

from pathlib import Path

from peropass.records import read_record
from peropass.resources import estimate, sample_of

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
NAMES = ("relax", "default", "neutral", "fragment-slab", "fragment-ligand", "levels", "eos")


def test_predictions_lie_within_thirty_percent_and_requests_cover_all():
    """Most campaigns here took no part in the fit (config/cost-model.yaml)."""
    ratios, short = {}, []
    for name in NAMES:
        for file in REFERENCE.rglob(f"{name}.record.json"):
            found = sample_of(read_record(file))
            if found is None or found.peak_MB <= 0:
                continue
            expected = estimate(found.kind, found.size)
            ratios[str(file)] = expected.memory_MB / found.peak_MB
            if expected.request_MB < found.peak_MB:
                short.append(str(file))
    far = {file: ratio for file, ratio in ratios.items() if abs(ratio - 1) > 0.3}
    assert len(ratios) > 100
    assert len(far) <= 0.05 * len(ratios), far
    assert short == []
