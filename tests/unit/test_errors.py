"""Errors name place, finding and remedy on one line."""

import pytest

from peropass import errors


def test_input_error_says_where_what_and_what_is_allowed():
    error = errors.InputError("config/x.yaml: slab.layers", 4, "3, 5 or 7")
    assert str(error) == "config/x.yaml: slab.layers: found 4; allowed: 3, 5 or 7"
    assert (error.where, error.found, error.allowed) == (
        "config/x.yaml: slab.layers",
        4,
        "3, 5 or 7",
    )


def test_input_error_stays_on_one_line():
    assert "\n" not in str(errors.InputError("file", "first\nsecond", "one\nline"))


@pytest.mark.parametrize(
    "kind",
    [k for k in vars(errors).values() if isinstance(k, type) and k is not errors.PeropassError],
)
def test_every_error_can_be_caught_as_one_family(kind):
    assert issubclass(kind, errors.PeropassError)
    assert kind.__doc__


def test_the_family_does_not_catch_programming_errors():
    for kind in (ValueError, TypeError, OSError):
        assert not issubclass(kind, errors.PeropassError)
        assert not issubclass(errors.PeropassError, kind)
