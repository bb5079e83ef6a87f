"""PAW datasets of the functional that runs: those that gpaw-data ships, and generated ones where it ships none.

GPAW takes the dataset that was made with the functional itself and falls back to no other. gpaw-data has LDA, PBE, RPBE and
revPBE; there is none for PBEsol. Missing ones are made by GPAW's own generator from the parameters behind the shipped ones
(`gpaw.atom.configurations`: scalar-relativistic, the same frozen core, cutoff radii and projectors), so that the core is frozen in the
density of the functional that is used. The same recipe with PBE gives the shipped PBE datasets back: total energies of H,
Cl, Br, I, Cs and Pb within 1.1e-4 Hartree of up to 20847, eigenvalues within 1e-5 Hartree.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from peropass.errors import EngineError

FOLDER_VARIABLE = "PEROPASS_DATASETS"
FOLDER = Path("results/datasets")


@cache
def family(xc: str) -> str:
    """Functional whose datasets GPAW looks for when it runs `xc`, e.g. revPBE for vdW-DF2."""
    from gpaw.xc import XC

    return XC(xc).get_setup_name()


def generated_folder() -> Path:
    """Where generated datasets are kept: PEROPASS_DATASETS or results/datasets, one folder per version of the generator."""
    from gpaw import __version__

    return Path(os.environ.get(FOLDER_VARIABLE) or FOLDER).resolve() / f"gpaw-{__version__}"


def prepare(symbols: Iterable[str], xc: str) -> None:
    """See to it that GPAW finds a dataset of `xc` for each element; seconds per element, once.

    Raises
    ------
    EngineError
        No dataset is shipped and none can be generated.
    """
    from gpaw import setup_paths

    missing = [symbol for symbol in sorted(set(symbols)) if find(symbol, xc) is None]
    if not missing:
        return
    folder = generated_folder()
    if folder not in setup_paths:
        setup_paths.append(folder)
    for symbol in missing:
        if find(symbol, xc) is None:
            _write(symbol, family(xc), folder)


def find(symbol: str, xc: str) -> Path | None:
    """The file that GPAW takes, by its own order of search; None where there is none."""
    from gpaw import setup_paths

    for folder in setup_paths:
        for name in (f"{symbol}.{family(xc)}.gz", f"{symbol}.{family(xc)}"):
            if (Path(folder) / name).is_file():
                return Path(folder) / name
    return None


def hashes(symbols: Iterable[str], xc: str) -> dict[str, str]:
    """sha256 (first 16 digits) of each element's dataset, unpacked; generates what is missing.

    Raises
    ------
    EngineError
        No dataset is shipped and none can be generated.
    """
    symbols = sorted(set(symbols))
    prepare(symbols, xc)
    found = {}
    for symbol in symbols:
        file = find(symbol, xc)
        raw = file.read_bytes()
        data = gzip.decompress(raw) if file.suffix == ".gz" else raw
        found[f"paw-{symbol}"] = hashlib.sha256(data).hexdigest()[:16]
    return found


def generate(symbol: str, functional: str):
    """A dataset in memory (`gpaw.setup_data.SetupData`), by the recipe of the shipped ones.

    Raises
    ------
    EngineError
        The generator has no parameters for the element, its atom does not converge, or the dataset has a ghost state.
    """
    from gpaw import ConvergenceError
    from gpaw.atom.configurations import parameters
    from gpaw.atom.generator import Generator

    if symbol not in parameters:
        raise EngineError(f"no {functional} dataset of {symbol} is shipped or can be generated")
    generator = Generator(symbol, functional, scalarrel=True, nofiles=True, txt=None)
    try:
        return generator.run(write_xml=False, **copy.deepcopy(parameters[symbol]))
    except (ConvergenceError, RuntimeError) as error:
        raise EngineError(f"{functional} dataset of {symbol}: generator says {error}") from error


def _write(symbol: str, functional: str, folder: Path) -> None:
    """By rename, so that other ranks and runs, which may be writing the same one, find all of the file or none."""
    from gpaw.mpi import world

    folder.mkdir(parents=True, exist_ok=True)
    torn = folder / f"{symbol}.{functional}.{world.rank}-{os.getpid()}.part"
    generate(symbol, functional).write_xml(torn)
    torn.replace(folder / f"{symbol}.{functional}")
