"""`peropass basis`: measure how energies hang on the number of plane waves, per element, at given cutoffs.

    peropass basis                 every element that has a molecule, at the cutoffs of all protocols
    peropass basis 300 --elements O Pb

Ten seconds per element and cutoff at 300 eV, more above. Results go to config/plane-wave-basis.yaml after each element; what stands there is not
computed again. They enter every reaction: analysis and ranking run again, no DFT does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import yaml

from peropass.config import BASIS_FILE, PROTOCOLS_FILE
from peropass.engine.protocol import Protocol, load_protocols
from peropass.errors import EngineError, InputError

HEAD = """# How the total energy of an atom of each element hangs on the number of plane waves: slopes dE/dlnN in eV, by cutoff in eV.
# Made by `peropass basis` on hydrides and bromides (PBE datasets, each molecule at cutoffs 1/30 below and above). Every reaction uses them to bring
# cells of different size to the smooth number of plane waves: peropass/analysis/plane_waves.py.
"""
PROTOCOL = "smoke"  # whose settings, but for the cutoff, are used


def main(argv: Sequence[str] | None = None) -> int:
    """0 all are there, 1 some elements failed, 2 bad input."""
    from peropass.engine.basis_jobs import known, measure

    parser = argparse.ArgumentParser(prog="peropass basis", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cutoffs", nargs="*", type=int, help="eV; default: those of the protocols")
    parser.add_argument("--elements", nargs="+", default=list(known()), metavar="ELEMENT")
    options = parser.parse_args(argv)
    for element in options.elements:
        if element not in known():
            raise InputError("--elements", element, ", ".join(known()))
    protocols = load_protocols(PROTOCOLS_FILE)
    failed = False
    for cutoff in options.cutoffs or cutoffs_of(protocols):
        for element in options.elements:
            table = stored().get(cutoff, {})
            with tempfile.TemporaryDirectory() as logs:
                try:
                    slopes = measure(protocols[PROTOCOL], cutoff, [element], table, Path(logs))
                    for slope in slopes:
                        write(cutoff, slope.element, slope.element_eV)
                        sys.stdout.write(
                            f"{cutoff} eV, {slope.formula}: {slope.element} {slope.element_eV:+.3f} eV per unit of ln N\n"
                        )
                        sys.stdout.flush()
                except EngineError as error:
                    failed = True
                    sys.stdout.write(f"{cutoff} eV, {element}: left out, {error}\n")
    return 1 if failed else 0


def cutoffs_of(protocols: dict[str, Protocol]) -> list[int]:
    """Whole cutoffs of all plane-wave protocols that compute reactions with GPAW, lowest first."""
    return sorted(
        {
            round(p.energy.ecut_eV)
            for p in protocols.values()
            if p.engine != "toy" and p.energy.mode == "pw"
        }
    )


def stored() -> dict[int, dict[str, float]]:
    """What the file holds; nothing where there is none."""
    if not BASIS_FILE.exists():
        return {}
    return yaml.safe_load(BASIS_FILE.read_text(encoding="utf-8"))["slopes_eV"]


def write(cutoff: int, element: str, slope_eV: float) -> None:
    """Add one slope to the file, by rename."""
    slopes = stored()
    slopes.setdefault(cutoff, {})[element] = round(float(slope_eV), 3)
    body = {
        "measured": {"gpaw": version("gpaw"), "datasets": "gpaw-data 1.2.1, PBE", "xc": "PBE"},
        "slopes_eV": {c: dict(sorted(t.items())) for c, t in sorted(slopes.items())},
    }
    text = HEAD + yaml.safe_dump(body, sort_keys=False, default_flow_style=None, width=150)
    temporary = BASIS_FILE.with_name(f".{BASIS_FILE.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, BASIS_FILE)
