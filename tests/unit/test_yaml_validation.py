"""Bad YAML and bad values: one line that names file, key, finding and remedy."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from peropass.errors import InputError
from peropass.validation import load_yaml, validated


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    length_ang: float = Field(gt=0)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner | None = None
    rows: list[Inner] = []


def refused(data):
    with pytest.raises(InputError) as caught:
        validated(Outer, data, "file.yaml")
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("file.yaml")
    return text


def test_an_unknown_key_lists_the_known_ones():
    text = refused({"name": "x", "naem": 1})
    assert "naem" in text
    assert "inner, name, rows" in text


def test_an_unknown_key_deep_inside_lists_the_keys_of_that_block():
    text = refused({"name": "x", "inner": {"length_nm": 1}})
    assert "inner.length_" in text
    text = refused({"name": "x", "rows": [{"length_ang": 1, "width": 2}]})
    assert "rows.0.width" in text
    assert text.endswith("length_ang")


def test_a_missing_key_is_named():
    assert "name: found nothing" in refused({})


@pytest.mark.parametrize("value", ["1.0 nm", -3, None, [], "NaN"])
def test_a_wrong_value_is_shown_with_what_is_allowed(value):
    text = refused({"name": "x", "inner": {"length_ang": value}})
    assert "inner.length_ang" in text
    assert "allowed:" in text


def test_a_value_that_fits_is_returned():
    assert validated(Outer, {"name": "x", "inner": {"length_ang": 2}}, "f").inner.length_ang == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "line 2: key 'a' stands twice"),
        ("a: {b: 1, b: 2}\n", "key 'b' stands twice"),
        ("- 1\n", "a mapping"),
        ("", "a mapping"),
        ("a: [1\n", "valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "valid YAML"),
        ("? [1, 2]\n: x\n", "valid YAML"),
        ("? {a: 1}\n: x\n", "valid YAML"),
        ("a: &x [*x]\n", "valid YAML"),
    ],
)
def test_yaml_that_is_not_plain_data_is_refused(tmp_path, text, says):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load_yaml(file)
    assert "c.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_absent_files(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load_yaml(tmp_path / "c.yaml")
    with pytest.raises(InputError, match="no such file"):
        load_yaml(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="an existing YAML file"):
        load_yaml(tmp_path)


def test_anchors_are_plain_data(tmp_path):
    (tmp_path / "c.yaml").write_text("base: &b {x: 1}\nother: {<<: *b, y: 2}\n")
    assert load_yaml(tmp_path / "c.yaml")["other"] == {"x": 1, "y": 2}
