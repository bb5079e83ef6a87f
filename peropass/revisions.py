"""Hand-bumped revision of each expensive stage.

A rule passes its number to Snakemake as a parameter. Bump one, and only one, when a change of code
alters the numbers of that stage; edits that do not move numbers then rerun no DFT.
"""

REVISIONS = {
    "bulk": 1,  # equation of state of host and reservoirs
    "phase": 1,  # competing bulk phases, ions relaxed in a fixed cell
    "slab": 1,  # clean slab and socket construction
    "molecule": 1,  # gas-phase references
    "thermo": 1,  # GFN2-xTB vibrations and solvation of gas-phase species
    "poses": 1,  # pose generation and the cheap tier
    "relax": 1,  # DFT relaxation
    "fragments": 1,  # frozen-fragment single points
    "levels": 1,  # Kohn-Sham levels with spin-orbit coupling
    "migration": 2,  # nudged elastic band, saddle relaxed in the plane across the path
}
