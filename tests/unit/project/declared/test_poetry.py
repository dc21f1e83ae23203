from __future__ import annotations

import pytest

from slimtorch.project.declared.poetry import BadVersionError, requirement, specifier


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The tables of python-poetry.org, "Dependency specification".
        ("^1.2.3", ">=1.2.3,<2"), ("^1.2", ">=1.2,<2"), ("^1", ">=1,<2"), ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"), ("^0.0", ">=0.0,<0.1"), ("^0", ">=0,<1"), ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1.2", ">=1.2,<1.3"), ("~1", ">=1,<2"), ("*", ""), ("1.*", "==1.*"), ("1.2.*", "==1.2.*"),
        (">= 1.2", ">=1.2"), (">1 <2", ">1,<2"), (">= 1.2, < 1.5", ">=1.2,<1.5"), ("1.2.3", "==1.2.3"),
        ("=1.2", "==1.2"), ("==1.2", "==1.2"), ("~=1.2", "~=1.2"), ("^1 || ^2", ""), ("^1.0b1", ">=1.0b1,<2"),
        ("!=1.5", "!=1.5"), ("", ""),
    ],
)  # fmt: skip
def test_versions(text: str, expected: str) -> None:
    assert specifier(text) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("*", "x"),
        ({}, "x"),
        ({"version": "^1"}, "x<2,>=1"),
        ({"git": "git@h.org:a/b.git", "rev": "00"}, "x @ git+ssh://git@h.org/a/b.git@00"),
        ({"url": "https://h/x.whl", "extras": ["a"]}, "x[a] @ https://h/x.whl"),
        ({"version": "*", "sys_platform": "== 'linux'"}, 'x; sys_platform == "linux"'),
        ({"version": "*", "python": "^3.8.1"}, 'x; python_full_version >= "3.8.1" and python_version < "4"'),
    ],
)
def test_entries(spec: object, expected: str) -> None:
    assert requirement("x", spec) == expected


@pytest.mark.parametrize("spec", [3, "^x", "~", "what?", {"version": "=>1"}, {"markers": "no"}, "1" * 2000])
def test_entries_that_are_none(spec: object) -> None:
    with pytest.raises(BadVersionError):
        requirement("x", spec)
