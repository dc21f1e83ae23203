"""The recorded reading of requirement lines, compared with the pip of this environment."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.support.pip_lines import PIPS, Row

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def pips_reader() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("pip._internal.req.req_file", reason="pip is not in this environment")
    if not hasattr(module, "preprocess") or not hasattr(module, "get_line_parser"):
        pytest.skip("pip's reader has other names in this version")
    return module


@pytest.mark.parametrize("text", PIPS)
def test_pip_reads_it_so(pips_reader: ModuleType, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parse = pips_reader.get_line_parser(None)
    found: list[Row] = []
    for number, line in pips_reader.preprocess(text):
        try:
            arguments, options = parse(line)
        except pips_reader.OptionParsingError:
            found.append((number, "bad", ""))
            continue
        named = {
            "requirement": arguments,
            "editable": next(iter(options.editables), ""),
            "include": next(iter(options.requirements), ""),
            "constraint": next(iter(options.constraints), ""),
        }
        kind = next((kind for kind, value in named.items() if value), "option")
        found.append((number, kind, re.sub(r"\s+", " ", named.get(kind, "")).strip()))
    assert found == PIPS[text]
    capsys.readouterr()
