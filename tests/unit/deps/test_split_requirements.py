from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.deps.split.model import Decision, Include, Names, Place, Split
from slimtorch.deps.split.proof import difference
from slimtorch.deps.split.requirements import is_generated, plan
from slimtorch.project.declared.halves import is_half
from slimtorch.project.requirements_text import Kind, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMES = Names("requirements.txt", "requirements-prod.txt", "requirements-dev.txt")
HEAD = "# Written by `slimtorch deps split` from requirements.txt.\n\n"
DEV_HEAD = (
    "-r requirements-prod.txt\n"
    "# Written by `slimtorch deps split` from requirements.txt: what production does without.\n\n"
)


def aside(*names: str) -> Mapping[str, Decision]:
    return {name: Decision(Place.DEV, "for tests") for name in names}


def halves(text: str, *names: str) -> tuple[str, str]:
    """What follows the two heads."""
    split = plan(parse(text), aside(*names), NAMES)
    assert split.prod.startswith(HEAD)
    assert split.dev.startswith(DEV_HEAD)
    return split.prod.removeprefix(HEAD), split.dev.removeprefix(DEV_HEAD)


def test_lines_go_as_they_are_written_and_in_their_order() -> None:
    text = 'torch==2.9.1 ; python_version < "3.13"\npytest >= 7  # runs tests\nuvicorn[standard]\nblack\\\n  ==24.1\n'
    assert halves(text, "pytest", "black") == (
        'torch==2.9.1 ; python_version < "3.13"\nuvicorn[standard]\n',
        "pytest >= 7  # runs tests\nblack\\\n  ==24.1\n",
    )


def test_options_and_constraints_stay() -> None:
    text = "--index-url https://a.example.org\n-c limits.txt\npytest\n--no-binary :all:\n-f wheels\ntorch\n"
    assert halves(text, "pytest") == (text.replace("pytest\n", ""), "pytest\n")


def test_where_nothing_moves_the_file_is_as_it_was() -> None:
    text = "\n# head\n\ntorch\n\n\nnumpy\n\n"
    assert plan(parse(text), {}, NAMES).prod == text
    assert plan(parse(text), {}, NAMES).dev == ""


def test_a_file_of_an_earlier_split_is_kept_current_where_nothing_moves_any_more() -> None:
    split = plan(parse("torch\n"), {}, Names("requirements.txt", NAMES.prod, NAMES.dev, again=True))
    assert split == Split(HEAD + "torch\n", DEV_HEAD, split.moves)


def test_moves_say_the_line_and_leave_hashes_out() -> None:
    split = plan(parse("# a\ntorch==1 \\\n  --hash=sha256:" + "a" * 64 + "\npytest>=7\n"), aside("pytest"), NAMES)
    assert [(move.line, move.text, str(move.decision.to)) for move in split.moves] == [
        (2, "torch==1", "prod"),
        (4, "pytest>=7", "dev"),
    ]
    assert [move.name for move in split.moved] == ["pytest"]


# -- comments ---------------------------------------------------------------------------------------------------------


def test_a_comment_above_a_requirement_moves_with_it() -> None:
    text = "torch\n# runs the tests\n# twice\npytest\n# fast\nnumpy\n"
    assert halves(text, "pytest") == ("torch\n# fast\nnumpy\n", "# runs the tests\n# twice\npytest\n")


@pytest.mark.parametrize(
    "heading", ["# --- serving ---", "# ======", "### Serving ###", "#----- serving", "# Serving ───"]
)
def test_a_section_header_stays_where_something_of_its_section_stays(heading: str) -> None:
    text = f"{heading}\npytest\ntorch\n\n# --- tools ---\nblack\n\nflake8\n"
    prod, dev = halves(text, "pytest", "black", "flake8")
    assert prod == f"{heading}\ntorch\n"
    assert dev == "pytest\n\n# --- tools ---\nblack\n\nflake8\n"


def test_below_a_header_a_comment_of_its_own_moves() -> None:
    text = "# --- serving ---\n# for tests\npytest\ntorch\n"
    assert halves(text, "pytest") == ("# --- serving ---\ntorch\n", "# for tests\npytest\n")


def test_a_block_between_blank_lines_goes_with_what_follows() -> None:
    text = "# Serving\n\ntorch\n\n# Development\n\nblack\n\nflake8\n\n# Rest\n\npytest\nnumpy\n"
    prod, dev = halves(text, "black", "flake8", "pytest")
    assert prod == "# Serving\n\ntorch\n\n# Rest\n\nnumpy\n"
    assert dev == "# Development\n\nblack\n\nflake8\n\npytest\n"


def test_a_title_stays_with_most_of_its_paragraph() -> None:
    assert halves("# ML\nmatplotlib\ntorch\nnumpy\n", "matplotlib") == ("# ML\ntorch\nnumpy\n", "matplotlib\n")
    assert halves("# Tools\nnumpy\nblack\nflake8\n", "black", "flake8") == ("numpy\n", "# Tools\nblack\nflake8\n")
    sentence = "# needed by the script that draws the figures\n"
    assert halves(f"{sentence}matplotlib\ntorch\nnumpy\n", "matplotlib")[1] == f"{sentence}matplotlib\n"


def test_notes_below_a_requirement_belong_to_it() -> None:
    text = "pytest==7 \\\n    --hash=sha256:aa\n    # via\n    #   -r a.in\n# own\ntorch==2\n    # via -r a.in\n"
    prod, dev = halves(text, "pytest")
    assert prod == "# own\ntorch==2\n    # via -r a.in\n"
    assert dev == "pytest==7 \\\n    --hash=sha256:aa\n    # via\n    #   -r a.in\n"


def test_the_comment_of_the_tool_that_wrote_the_file_stays_on_top() -> None:
    head = "#\n# This file is autogenerated by pip-compile with Python 3.11\n#\n"
    assert halves(f"{head}black\ntorch\n", "black") == (f"{head}torch\n", "black\n")
    assert is_generated(parse(head + "black\n"))
    assert not is_generated(parse("torch\n# generated by hand\n"))


def test_comments_at_the_end_stay() -> None:
    assert halves("torch\npytest\n# the end\n\n# really\n", "pytest") == ("torch\n# the end\n\n# really\n", "pytest\n")


def test_blank_lines_are_neither_doubled_nor_lost() -> None:
    text = "torch\n\npytest\n\n\nnumpy\n\nblack\n"
    assert halves(text, "pytest", "black") == ("torch\n\n\nnumpy\n", "pytest\n\nblack\n")


# -- bytes ------------------------------------------------------------------------------------------------------------


def test_line_ends_are_kept() -> None:
    split = plan(parse("torch\r\n# x\r\npytest\r\n"), aside("pytest"), NAMES)
    assert "\n" not in (split.prod + split.dev).replace("\r\n", "")


def test_a_last_line_without_an_end() -> None:
    assert halves("torch\npytest", "pytest") == ("torch\n", "pytest")
    assert halves("pytest\ntorch", "pytest") == ("torch", "pytest\n")


def test_a_comment_that_names_the_encoding_stays_in_the_first_two_lines() -> None:
    split = plan(parse("# ours\n# -*- coding: latin-1 -*-\n# tests\npytest\ntorch\n"), aside("pytest"), NAMES)
    assert split.prod.splitlines()[:2] == ["# ours", "# -*- coding: latin-1 -*-"]
    assert split.dev.splitlines()[:2] == ["-r requirements-prod.txt", "# -*- coding: latin-1 -*-"]
    assert is_half(split.prod)
    assert is_half(split.dev)
    assert not is_half("torch\n")


# -- includes ---------------------------------------------------------------------------------------------------------


def test_an_included_file_stays_goes_or_is_halved() -> None:
    includes = {"base.txt": Include("base-prod.txt", "base-dev.txt"), "tools.txt": Include("", "tools.txt")}
    names = Names("requirements.txt", NAMES.prod, NAMES.dev, includes)
    text = "-r base.txt  # first\n--requirement=tools.txt\n-r other.txt\ntorch\n"
    split = plan(parse(text), {}, names)
    assert split.prod == HEAD + "-r base-prod.txt  # first\n-r other.txt\ntorch\n"
    assert split.dev == DEV_HEAD + "-r base-dev.txt  # first\n--requirement=tools.txt\n"
    assert difference(parse(text), parse(split.prod), parse(split.dev), names) == ()


# -- the round trip ---------------------------------------------------------------------------------------------------

LETTERS = st.text("abc", min_size=1, max_size=3)
HASH = " --hash=sha256:" + "0" * 64
LINE = st.one_of(
    st.builds(
        "".join,
        st.tuples(
            LETTERS,
            st.sampled_from(["", "[x]", "[x,y]"]),
            st.sampled_from(["", "==1.0", ">=1,<2", " ~= 1.4", " @ https://example.org/a.zip"]),
            st.sampled_from(["", ' ; python_version < "3.12"', " ; extra == 'a'"]),
            st.sampled_from(["", HASH, f" \\\n   {HASH} \\\n   {HASH}"]),
            st.sampled_from(["", "  # why", " # via a"]),
        ),
    ),
    st.sampled_from(["", "", "   ", "# note", "# --- part ---", "    # via b", "# Title", "#", "\f"]),
    st.sampled_from(["-c c.txt", "-r other.txt", "-r mixed.txt", "-r all-dev.txt", "-e ./here", "./there", "--pre"]),
    st.sampled_from(
        ["--index-url https://a.example.org", "-e git+https://example.org/a#egg=abc", "a \\\n\n", "# x \\"]
    ),
)
INCLUDES = {"mixed.txt": Include("mixed-prod.txt", "mixed-dev.txt"), "all-dev.txt": Include("", "all-dev.txt")}


def installed(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """What each line that is no comment asks for, in parts that pip tells apart."""
    found = []
    for text in texts:
        for line in parse(text).lines:
            if line.kind in {Kind.COMMENT, Kind.BLANK, Kind.INCLUDE}:
                continue
            one = line.requirement
            parts = (one.name, *sorted(one.extras), str(one.specifier), str(one.marker), str(one.url)) if one else ()
            found.append((line.kind, *parts, *line.hashes, *map(str, line.options), *(() if one else (line.value,))))
    return sorted(found)


@given(
    st.lists(LINE, max_size=12),
    st.sets(LETTERS),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_both_files_together_are_the_one(rows: list[str], gone: set[str], end: str, last: bool, again: bool) -> None:  # noqa: FBT001
    text = (("\n".join(rows)) + "\n" * last).replace("\n", end)
    names = Names("requirements.txt", NAMES.prod, NAMES.dev, INCLUDES, again)
    before = parse(text)
    split = plan(before, aside(*gone), names)
    if not split.dev:
        assert split.prod == text
        return
    assert installed([split.prod, split.dev]) == installed([text])
    assert difference(before, parse(split.prod), parse(split.dev), names) == ()
    assert split.dev.startswith("-r requirements-prod.txt" + before.newline)
    kept = {line.name for line in parse(split.prod).lines if line.requirement}
    assert not kept & gone
    again_split = plan(parse(split.prod), aside(*gone), NAMES)
    assert not again_split.dev or "all-dev" in text


def test_a_lost_or_changed_line_is_seen() -> None:
    before = parse("torch==1\npytest\n# note\n-r a.txt\n")
    good = plan(before, aside("pytest"), NAMES)
    for old, new in (("torch==1", "torch==2"), ("torch==1\n", ""), ("-r a.txt\n", ""), ("# note\n", "")):
        prod, dev = (parse(text.replace(old, new, 1)) for text in (good.prod, good.dev))
        assert difference(before, prod, dev, NAMES), old
    assert difference(before, parse(good.prod + "pytest\n"), parse(good.dev), NAMES) == ("pytest",)


def test_long_files_take_little_time() -> None:
    row = "# --- part ---\n\n# note\npkg\n    # via x\npytest\n# A title\nblack\nother\n"
    text = row * 2000 + "# A" + " " * 100_000 + "x\n" + "#" + "- " * 100_000 + "\npkg\n"
    started = time.process_time()
    split = plan(parse(text), aside("pytest", "black"), NAMES)
    assert len(split.moved) == 4000
    assert time.process_time() - started < 60
