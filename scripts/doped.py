"""Relax the ions of a bulk cell with a dopant, or of the undoped one, in the host's cell scaled by a strain."""

import json
from pathlib import Path

from ase.io import read

from peropass import step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.engine.spin import needs_spin
from peropass.errors import BuildError
from peropass.records import CalculationRecord, EosRecord, read_record, write_record
from peropass.surfaces.doped_bulk import doped_supercell, host_supercell, strained
from peropass.surfaces.hosts import load_host
from peropass.workflow_substitution import strain_of


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--cell", required=True, help="supercell, e.g. sqrt2x2")
    arguments.add_argument("--mesh", required=True, help="JSON: Monkhorst-Pack size")
    arguments.add_argument("--site", default="none", help="e.g. Sr-Pb; none: undoped")
    arguments.add_argument("--host", required=True, type=Path, help="equation of state of the host")
    arguments.add_argument("--source", default="none", help="relaxed cell that this is made of")
    options = arguments.parse_args(argv)
    toy = step.protocol(options).engine == "toy"
    atoms, blocked = _structure(options, toy)
    setting = Setting(
        slab=False,
        kpts=tuple(json.loads(options.mesh)),
        gamma_centred=False,
        rigid=False,
        spin_polarised=atoms is not None and needs_spin(atoms),
    )
    job = step.dft_job(options, role="bulk", stage="phase", setting=setting, relax=True)
    if atoms is None:
        write_record(jobs.blocked_record(job, "missing", blocked), options.out)
        step.say(f"doped: {blocked}")
        return
    record = jobs.run(atoms, job)
    step.say(f"doped {options.site}: {record.status} {record.reason} {record.ionic_steps} steps")


def _structure(options, toy: bool):
    """The cell to relax, or None and why there is none."""
    where = step.address(options)
    if options.source == "none":
        eos = read_record(options.host, EosRecord, allow_toy=toy)
        if eos.status != "ok":
            raise BuildError(f"{options.host}: {eos.status}, {eos.reason}")
        return host_supercell(load_host(where.host), eos.a_ang, options.cell), ""
    source = Path(options.source)
    relaxed = read_record(source, CalculationRecord, allow_toy=toy)
    if relaxed.status != "ok" or relaxed.final is None:
        return None, f"the cell that it is made of is {relaxed.status}: {relaxed.reason}"
    atoms = read(source.parent / relaxed.final.file, format="extxyz")
    strain = strain_of(where.pose)
    return (strained(atoms, strain) if strain else doped_supercell(atoms, options.site)), ""


if __name__ == "__main__":
    raise SystemExit(step.run(main))
