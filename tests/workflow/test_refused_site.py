"""A site that the relaxed face cannot have: a row with a reason, a ranking and a finished campaign all the same."""

import json

import pytest

pytestmark = pytest.mark.workflow
REASON = "no Pb has three halides of its own"
REFUSE = f"""
import os, sys
if "scripts.slab" in sys.orig_argv:
    sys.path.insert(0, os.getcwd())
    from peropass.errors import InputError
    from peropass.surfaces import defects

    def refuse(slab, site, variant=0):
        raise InputError(f"site {{site}}", "{REASON}", "another site")

    defects.make_site = refuse
"""


def test_a_slab_that_cannot_be_built_stops_nothing_else(tree, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(REFUSE)
    data = {
        **tree.campaign("toy"),
        "campaign": "refused",
        "candidates": [{"ligand": "csbr", "role": "native"}],
    }
    config = tree.write("refused", data)
    done = tree.peropass("run", config, "--cores", "1", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tree.root / "results/refused/ranking.json").read_text())["rows"]
    assert row["status"] == "missing"
    assert REASON in row["reason"]
    assert tree.planned(config).records == []
