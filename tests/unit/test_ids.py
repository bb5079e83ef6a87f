"""Identities: the same meaning has the same name, another meaning another one."""

import json
import math

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from peropass.errors import InputError
from peropass.ids import canonical, check_name, digest, file_sha256, structure_hash

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def shuffled(value):
    """The same data with every mapping written in reverse order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(TREES)
@settings(max_examples=150, deadline=None)
def test_key_order_has_no_meaning(tree):
    assert canonical(shuffled(tree)) == canonical(tree)


@given(TREES)
@settings(max_examples=150, deadline=None)
def test_canonical_text_is_json_of_the_same_value_and_a_fixed_point(tree):
    text = canonical(tree)
    assert canonical(json.loads(text)) == text
    assert json.loads(text) == tree


def test_two_and_two_point_zero_are_the_same_number():
    assert canonical({"a": 2, "b": [1.0]}) == canonical({"b": [1], "a": 2.0})
    assert digest({"ecut": 300}) == digest({"ecut": 300.0}) == digest({"ecut": np.float64(300)})


def test_numpy_and_plain_numbers_are_the_same():
    assert canonical([np.int64(3), np.float64(0.5), np.float32(0.25)]) == "[3,0.5,0.25]"


def test_truth_is_not_a_number():
    assert canonical(True) != canonical(1)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused(number):
    with pytest.raises((ValueError, OverflowError)):
        canonical({"a": number})


@pytest.mark.parametrize("name", ["a", "CsPbBr3-cubic", "001-CsX", "V-CsX", "x" * 64])
def test_names_that_may_become_folders(name):
    assert check_name(name, "here") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a b",
        "-a",
        "a-",
        "x" * 65,
        "$(rm)",
        "a;b",
        "a\n",
        "a\u00e4",
        "a_b",
        "a.b",
        None,
        3,
        "`id`",
    ],
)
def test_hostile_names_are_refused(name):
    with pytest.raises(InputError, match="hyphens"):
        check_name(name, "here")


def water():
    return Atoms(
        "OHH", [(0, 0, 0.12), (0, 0.76, -0.47), (0, -0.76, -0.47)], cell=[9, 9, 9], pbc=True
    )


def test_structure_hash_survives_a_file(tmp_path):
    atoms = water()
    atoms.positions += 0.1234567
    atoms.set_constraint(FixAtoms([1]))
    write(tmp_path / "w.extxyz", atoms)
    assert structure_hash(read(tmp_path / "w.extxyz")) == structure_hash(atoms)


def test_structure_hash_sees_what_matters_and_nothing_else():
    atoms = water()
    same = atoms.copy()
    same.positions += 1e-9  # float noise
    same.info["note"] = "labels are no physics"
    assert structure_hash(same) == structure_hash(atoms)
    moved, strained, opened, frozen = (atoms.copy() for _ in range(4))
    moved.positions[0, 0] += 1e-3
    strained.set_cell([9.001, 9, 9])
    opened.pbc = (True, True, False)
    frozen.set_constraint(FixAtoms([0]))
    hashes = [structure_hash(a) for a in (atoms, moved, strained, opened, frozen, atoms[[1, 0, 2]])]
    assert len(set(hashes)) == len(hashes)


def test_minus_zero_is_zero():
    plus, minus = water(), water()
    plus.positions[0, 0], minus.positions[0, 0] = 0.0, -0.0
    assert structure_hash(plus) == structure_hash(minus)


def test_file_hash_is_sha256(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert file_sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
