"""What the source keys of the ligand library stand for, so that a card carries citations and not keys."""

from __future__ import annotations

# The reviews that the library quotes.
REVIEWS = {
    "Park2020": "Park et al., Electroluminescence of perovskite nanocrystals with ligand engineering, Trends in Chemistry (2020)",
    "Zheng2020": "Zheng et al., Reducing defects in halide perovskite nanocrystals for light-emitting applications, J. Phys. Chem. Lett. (2020)",
    "Mu2022": "Mu et al., Recent progress and future prospects on halide perovskite nanocrystals, iScience (2022)",
    "Jang2024": "Jang et al., Nanocrystalline perovskites for bright and efficient light-emitting diodes, Adv. Mater. (2024), 10.1002/adma.202415648",
    "Zhang2025": "Zhang et al., Inorganic ligand capped quantum dot LEDs, Nanotechnology 36, 102001 (2025)",
}


def citations(source: str) -> list[str]:
    """``key: full citation`` for every key of a note's source, e.g. ``Mu2022; Park2020``; what is no key stays out."""
    keys = [key.strip() for key in source.split(";")]
    return [f"{key}: {REVIEWS[key]}" for key in keys if key in REVIEWS]
