"""Build a pristine slab from the equation of state, or a defective one from the relaxed pristine slab.

A slab that cannot be built leaves an empty structure file and, beside it, a record that says why; relaxing it then
gives a record of status `missing`, and the other slabs go on.
"""

from pathlib import Path

from peropass import paths, step
from peropass.engine import jobs
from peropass.engine.electronic import Setting
from peropass.errors import BuildError, InputError
from peropass.records import CalculationRecord, EosRecord, read_record, write_record, write_text
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab


def main(argv=None) -> None:
    arguments = step.parser(__doc__)
    arguments.add_argument("--slab", required=True, help="JSON of the slab settings")
    arguments.add_argument(
        "--source", required=True, type=Path, help="bulk or relaxed pristine record"
    )
    options = arguments.parse_args(argv)
    where = step.address(options)
    toy = step.protocol(options).engine == "toy"
    name = f"slab {where.host} {where.termination} {where.site}"
    refusal = options.out.with_name(paths.REFUSED_BUILD)
    try:
        if where.site == "pristine":
            atoms = _pristine(options, where, toy)
        else:
            atoms = _defective(options.source, where.site, toy)
    except (BuildError, InputError) as error:
        job = _job(options)
        write_record(jobs.blocked_record(job, "failed", str(error)), refusal)
        write_text(options.out, "")  # the workflow waits for it
        step.say(f"{name}: failed, {error}")
        return
    refusal.unlink(missing_ok=True)
    jobs.write_structure(atoms, options.out)
    step.say(f"{name}: {atoms.get_chemical_formula()}")


def _job(options) -> jobs.Job:
    lateral = step.slab_settings(options.slab).lateral
    setting = Setting(slab=True, kpts=step.protocol(options).lateral_kpts(lateral))
    return step.dft_job(options, role="slab", stage="slab", setting=setting, relax=True)


def _pristine(options, where, toy):
    eos = read_record(options.source, EosRecord, allow_toy=toy)
    if eos.status != "ok":
        raise BuildError(f"{options.source}: {eos.status}, {eos.reason}")
    settings = step.slab_settings(options.slab)
    return build_slab(
        load_host(where.host),
        where.termination,
        a_ang=eos.a_ang,
        lateral=settings.lateral,
        layers=settings.layers,
        height_ang=settings.height_ang,
        frozen_layers=settings.frozen_layers,
        tilt=True,
        off_centre=True,
    )


def _defective(source: Path, site: str, toy: bool):
    from ase.io import read

    pristine = read_record(source, CalculationRecord, allow_toy=toy)
    if pristine.status != "ok":
        raise BuildError(f"{source}: {pristine.status}, {pristine.reason}")
    return make_site(read(source.parent / pristine.final.file, format="extxyz"), site).atoms


if __name__ == "__main__":
    raise SystemExit(step.run(main))
