"""Peropass: from a campaign file to a ranked report. Run it with `make quickstart` or `peropass run`."""

from snakemake.utils import min_version

from peropass import paths
from peropass.run_lock import hold_while_alive
from peropass.workflow import WAVE, Plan, code_digest

min_version("9.19")

plan = Plan(
    config.get("campaign", "config/quickstart.yaml"),
    int(config.get("wave", WAVE)),
    config.get("site"),
)


wildcard_constraints:
    host=r"[A-Za-z0-9-]+",
    termination=r"[A-Za-z0-9-]+",
    site=r"[A-Za-z0-9-]+",
    candidate=r"(?!none/)[A-Za-z0-9-]+",
    reference=r"[A-Za-z0-9-]+",
    metal=r"[A-Za-z]+",
    halogen=r"[A-Za-z]+2",
    pose=r"k\d+",
    part=r"slab|ligand",
    hop=r"[A-Za-z0-9-]+",
    end=r"start|end",
    cell=r"[a-z0-9]+",
    dopant=r"[A-Za-z]+",
    strain=r"a\d+",


localrules:
    all,
    slab,
    hop,
    migration,
    controls,
    substitution,
    rank,
    report,


rule all:
    default_target: True
    input:
        plan.targets,


rule migration:
    input:
        plan.hops.bands,


onstart:
    hold_while_alive(plan.path(paths.CAMPAIGN))


onsuccess:
    plan.waves.settle(succeeded=plan.waves.asked)


onerror:
    plan.waves.settle(succeeded=False)


include: "workflow/rules/structures.smk"
include: "workflow/rules/dft.smk"
include: "workflow/rules/migration.smk"
include: "workflow/rules/substitution.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"
