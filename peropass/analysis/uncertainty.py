"""Numerical error bars and how they travel through differences.

An error model lists independent causes. Each gives a binding energy an error of standard deviation s (absolute,
or a fraction of the dispersion part), of which the fraction `common` of the variance is one and the same draw for
all ligands on a socket and the rest belongs to the ligand:

    e_i = sum_t s_t(i) [ sqrt(common_t) z_t + sqrt(1 - common_t) z_ti ]          z ~ N(0, 1)
    e(vs_native)_i = e_i - e_native      e(exchange)_i = e_i + reservoir      e(lability)_i = -e_i + thermochemistry

so a common absolute error cancels against the native ligand, a common relative one leaves the difference of the
dispersion parts, and the ligand's own part does not cancel. All standard deviations in eV.

Two causes are replaced by what the records of a ligand show (`Measured`): `pose` by the spread of its relaxed poses,
`dispersion` by the difference of two dispersion models over the same reaction. The latter is one draw for all ligands,
because the same model errs for all of them: against the native ligand the difference of the differences is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from peropass.config import error_terms_of
from peropass.errors import InputError

Quantity = Literal["binding", "exchange", "vs_native", "lability"]
Enters = Literal["binding", "exchange", "lability"]
LEAST_POSE_ERROR_EV = 0.01
MEASURED = "measured"  # block of the file that `peropass convergence` writes: protocol -> term


class ErrorTerm(BaseModel):
    """One cause of numerical error.

    `sigma_eV` is absolute, `of_dispersion` a fraction of the dispersion part of the reaction energy; exactly one is
    given. `enters` binding (and all that is made of it), or only exchange or lability.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Literal["measured", "assumed"]
    because: str = Field(
        min_length=1, description="source of a measurement, reason of an assumption"
    )
    sigma_eV: float | None = Field(default=None, ge=0)
    of_dispersion: float | None = Field(default=None, ge=0, le=1)
    common: float = Field(
        default=0.0, ge=0, le=1, description="share of the variance common to a socket"
    )
    enters: Enters = "binding"

    @model_validator(mode="after")
    def _one_size(self) -> ErrorTerm:
        if (self.sigma_eV is None) == (self.of_dispersion is None):
            raise ValueError("give either sigma_eV or of_dispersion")
        return self


class ErrorModel(BaseModel):
    """All error terms of one protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str
    terms: dict[str, ErrorTerm] = Field(min_length=1)

    @property
    def assumed(self) -> list[str]:
        """Names of the terms that nobody has measured."""
        return [name for name, term in self.terms.items() if term.origin == "assumed"]


def load_error_model(path: str | Path, protocol: str, measured: bool = True) -> ErrorModel:
    """The error model of a protocol: block ``default`` updated term by term by the block of that name and by what was measured for it.

    Without `measured` it is as written by hand.

    Raises
    ------
    InputError
        The file is missing, is no YAML, or a term violates the schema.
    """
    path = Path(path)
    try:
        blocks = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            str(path), "no such file", "an error model, see docs/energetics.md"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(str(path), str(error), "YAML") from None
    if not isinstance(blocks, dict) or not isinstance(blocks.get("default"), dict):
        raise InputError(str(path), "no block `default`", "default: {term: {...}}")
    terms = dict(blocks["default"])
    source = error_terms_of(blocks, protocol)
    terms.update(blocks.get(source) or {})
    found = ((blocks.get(MEASURED) or {}).get(source) or {}) if measured else {}
    unknown = sorted(set(found) - set(terms))
    if unknown:
        raise InputError(
            f"{path}: {MEASURED}.{protocol}", unknown[0], "a term that `default` has as well"
        )
    # what else a term says (what it enters) stays as it was written by hand
    terms.update({name: {**_sizeless(terms[name]), **term} for name, term in found.items()})
    try:
        return ErrorModel(protocol=protocol, terms=terms)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key}", first.get("input"), first["msg"]) from None


def _sizeless(term: dict) -> dict:
    return {key: value for key, value in term.items() if key not in ("sigma_eV", "of_dispersion")}


@dataclass(frozen=True)
class Measured:
    """What the records of one ligand say of its own errors, eV; None where they say nothing.

    Attributes
    ----------
    pose_eV : float or None
        See `pose_error`.
    dispersion_eV : float or None
        Dispersion part of the reaction by D4 minus that by D3(BJ), signed.
    """

    pose_eV: float | None = None
    dispersion_eV: float | None = None


UNKNOWN = Measured()


def pose_error(energies_eV: Sequence[float]) -> float | None:
    """How far the lowest of the relaxed poses may lie above the true minimum, eV; None for fewer than two.

    (mean - lowest) / (n - 1): the maximum-likelihood estimate for energies that are exponentially distributed above
    their floor, whose lowest of n lies s/n above it with standard deviation s/n.
    """
    # ASSUME relaxed poses are exponentially distributed above the true minimum; poses that fall together leave 10 meV.
    n = len(energies_eV)
    if n < 2:
        return None
    values = np.asarray(energies_eV, float)
    return max(LEAST_POSE_ERROR_EV, float(values.mean() - values.min()) / (n - 1))


def dispersion_difference(models_eV: Mapping[str, float]) -> float | None:
    """D4 minus D3(BJ), eV; None unless both are known."""
    if "d3bj" not in models_eV or "d4" not in models_eV:
        return None
    return models_eV["d4"] - models_eV["d3bj"]


def sigma(
    model: ErrorModel,
    quantity: Quantity,
    dispersion_eV: float = 0.0,
    native_dispersion_eV: float = 0.0,
    measured: Measured = UNKNOWN,
    native_measured: Measured = UNKNOWN,
) -> float:
    """Standard deviation of one number, eV.

    Parameters
    ----------
    dispersion_eV, native_dispersion_eV
        Dispersion part of the binding energy of the ligand and of the native ligand.
    measured, native_measured
        What their records say of their own errors.
    """
    loads = loadings(model, np.array([dispersion_eV]), quantity, [measured])
    if quantity == "vs_native":
        native = loadings(model, np.array([native_dispersion_eV]), "binding", [native_measured])
        common = loads.common - native.common
        own = loads.own**2 + native.own**2
    else:
        common, own = loads.common, loads.own**2
    return float(np.sqrt(np.sum(common**2) + np.sum(own)))


@dataclass(frozen=True)
class Loadings:
    """Error factors in eV: `common[i, t]` multiplies the draw shared by a socket, `own[i, t]` the ligand's own."""

    common: np.ndarray
    own: np.ndarray


def loadings(
    model: ErrorModel,
    dispersion_eV: np.ndarray,
    quantity: Quantity,
    measured: Sequence[Measured] | None = None,
) -> Loadings:
    """Error factors of `quantity` for n ligands, before the native ligand is subtracted.

    Parameters
    ----------
    dispersion_eV : array, shape (n,)
        Dispersion part of each binding energy.
    measured : sequence of Measured, length n
        What the records of each ligand say; replaces the terms `pose` and `dispersion` of the model.
    """
    dispersion = np.asarray(dispersion_eV, float)
    found = measured or [UNKNOWN] * len(dispersion)
    sign = -1.0 if quantity == "lability" else 1.0
    terms = list(model.terms.values())
    enters = [term.enters in ("binding", quantity) for term in terms]
    # all terms and ligands at once, shape (terms, n): the analysis of one candidate asks for this a dozen times
    fixed = np.array(
        [[t.sigma_eV or 0.0 if e else 0.0] for t, e in zip(terms, enters, strict=True)]
    )
    scaled = np.array([[e and t.sigma_eV is None] for t, e in zip(terms, enters, strict=True)])
    slope = np.array([[t.of_dispersion or 0.0] for t in terms])
    size = np.where(scaled, slope * dispersion, fixed)
    share = np.tile(np.array([[t.common] for t in terms]), len(dispersion))
    for number, (name, term) in enumerate(model.terms.items()):
        if term.enters != "binding":
            continue
        if name == "pose":
            pose = np.array([np.nan if m.pose_eV is None else m.pose_eV for m in found])
            size[number] = np.where(np.isnan(pose), size[number], pose)
        elif name == "dispersion":
            models = np.array(
                [np.nan if m.dispersion_eV is None else m.dispersion_eV for m in found]
            )
            size[number] = np.where(np.isnan(models), size[number], models)
            share[number] = np.where(np.isnan(models), share[number], 1.0)
    size *= np.array([[sign if term.enters == "binding" else 1.0] for term in terms])
    return Loadings((size * np.sqrt(share)).T, (size * np.sqrt(1.0 - share)).T)
