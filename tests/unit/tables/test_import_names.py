from __future__ import annotations

import pytest

from slimtorch.tables import import_names, load
from slimtorch.tables.import_names import assumed, check_table, modules_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("opencv-python", {"cv2"}),
        ("opencv-python-headless", {"cv2"}),
        ("pyyaml", {"yaml"}),
        ("pillow", {"PIL"}),
        ("scikit-learn", {"sklearn"}),
        ("scikit-image", {"skimage"}),
        ("beautifulsoup4", {"bs4"}),
        ("python-dateutil", {"dateutil"}),
        ("protobuf", {"google.protobuf"}),
        ("google-cloud-storage", {"google.cloud.storage"}),
        ("onnxruntime-gpu", {"onnxruntime"}),
        ("torch", {"functorch", "torch", "torchgen"}),
    ],
)
def test_well_known_names(name: str, expected: set[str]) -> None:
    assert modules_of(name) == expected
    assert assumed(name) == expected


def test_the_table_is_sound_and_names_no_place() -> None:
    rows = load("import_names")["modules"]
    assert len(check_table(rows)) >= 150
    assert "://" not in repr(rows)


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("own-thing", {"own_thing"}),
        ("thing", {"thing"}),
        ("python-own", {"own"}),
        ("azure-own-thing", {"azure.own.thing"}),
        ("zope-own", {"zope.own"}),
        ("4thing", set()),
    ],
)
def test_a_name_that_the_table_lacks_is_guessed(name: str, some: set[str]) -> None:
    assert modules_of(name) == set()
    assert assumed(name) >= some
    assert all(part.isidentifier() for guess in assumed(name) for part in guess.split("."))


def test_stubs_have_no_modules() -> None:
    assert assumed("types-requests") == assumed("pandas-stubs") == set()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"b": ["b"], "a": ["a"]}, "order"),
        ({"A_b": ["a"]}, "canonical"),
        ({"a": []}, "missing"),
        ({"a": ["b", "a"]}, "not in order"),
        ({"a": ["a", "a"]}, "twice"),
        ({"a": ["a-b"]}, "dotted"),
        ({"a": ["a..b"]}, "dotted"),
    ],
)
def test_a_damaged_table_is_refused(rows: dict[str, list[str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        import_names.check_table(rows)
