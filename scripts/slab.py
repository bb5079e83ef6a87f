"""Build a pristine slab from the equation of state, or a defective one from the relaxed pristine slab."""

from pathlib import Path

from peropass import step
from peropass.engine.jobs import write_structure
from peropass.errors import BuildError
from peropass.records import CalculationRecord, EosRecord, read_record
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
    if where.site == "pristine":
        atoms = _pristine(options, where, toy)
    else:
        atoms = _defective(options.source, where.site, toy)
    write_structure(atoms, options.out)
    step.say(f"slab {where.host} {where.termination} {where.site}: {atoms.get_chemical_formula()}")


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
