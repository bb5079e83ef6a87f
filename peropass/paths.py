"""Where every file of a campaign lives: the only module that spells folder names.

Patterns keep Snakemake's wildcards in braces; fill them with `str.format`.
"""

CAMPAIGN = "results/{campaign}"
LEVEL = CAMPAIGN + "/{protocol}"
HOST = LEVEL + "/{host}"

BULK = HOST + "/bulk/eos.record.json"
RESERVOIR = HOST + "/reservoir/eos.record.json"
PHASE = HOST + "/phases/{phase}/relax.record.json"
METAL = HOST + "/elements/{metal}/eos.record.json"
HALOGEN = HOST + "/elements/{halogen}/relax.record.json"
MOLECULE = HOST + "/molecules/{candidate}/relax.record.json"
MOLECULE_THERMO = HOST + "/molecules/{candidate}/thermo.record.json"
REFERENCE_THERMO = HOST + "/references/{reference}/thermo.record.json"
REFERENCE = HOST + "/references/{reference}/relax.record.json"

SITE = HOST + "/{termination}/{site}"
CLEAN_BUILD = SITE + "/none/none/build.extxyz"
REFUSED_BUILD = "build.record.json"  # beside an empty CLEAN_BUILD: why there is no structure
CLEAN = SITE + "/none/none/relax.record.json"
CLEAN_LEVELS = SITE + "/none/none/levels.record.json"
PRISTINE = HOST + "/{termination}/pristine/none/none/relax.record.json"
PRISTINE_LEVELS = HOST + "/{termination}/pristine/none/none/levels.record.json"
SITE_RECORD = SITE + "/none/none/site.record.json"

POSES = SITE + "/{candidate}/poses.record.json"
LOADED = SITE + "/{candidate}/{pose}/relax.record.json"
LOADED_LEVELS = SITE + "/{candidate}/{pose}/levels.record.json"
FRAGMENT = SITE + "/{candidate}/{pose}/fragment-{part}.record.json"
CANDIDATE = SITE + "/{candidate}/candidate.record.json"
LOADED_SITE_RECORD = SITE + "/{candidate}/{pose}/site.record.json"

# `none` is the folder of the clean slab, so that no candidate can be in its way; `bare` is the clean surface itself.
HOP = SITE + "/none/hops/{hop}/hop.record.json"
HOP_END = SITE + "/none/hops/{hop}/{end}/relax.record.json"
BAND = SITE + "/none/hops/{hop}/band.record.json"
BARE_HOP = "bare"

# Bulk cells of dopants on B; `undoped` is the host's own cell, the strain of the lattice constant is counted in 1e-4: a10000 is none.
DOPED = HOST + "/substitution/{cell}/{dopant}/{strain}/relax.record.json"
SOURCE_PHASE = HOST + "/substitution/phases/{phase}/relax.record.json"
SUBSTITUTION = HOST + "/substitution/substitution.record.json"
UNDOPED = "undoped"
UNSTRAINED = "a10000"

CONTROLS = CAMPAIGN + "/controls.json"
RANKING = CAMPAIGN + "/ranking.json"
RANKING_CSV = CAMPAIGN + "/ranking.csv"
REPORT = CAMPAIGN + "/report.html"
CAMPAIGN_COPY = CAMPAIGN + "/campaign.json"

LOG = CAMPAIGN + "/logs"
