"""The project's Markdown pages, read as far as the tests need it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`((?:[^`\n]|\n(?!\n))+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file. `prose` is its text without fenced blocks."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(REPOSITORY).as_posix()

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        """The targets of links, without those in code."""
        return _LINK.findall(_INLINE.sub(lambda code: "" if "](" in code[1] else code[0], self.prose))

    @property
    def code(self) -> list[str]:
        """What stands between single backticks."""
        return [" ".join(code.split()) for code in _INLINE.findall(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """The names that headings can be linked by, as Git hosts make them."""
        return {anchor(heading) for heading in _HEADING.findall(self.prose)}

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in one of these languages."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]


def anchor(heading: str) -> str:
    """`A heading: of *code*` as `a-heading-of-code`."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def pages() -> list[Page]:
    """Every page of the project itself."""
    found = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/**/*.md")]
    return [Page(path, path.read_text(encoding="utf-8")) for path in sorted(found)]


PAGES = {page.name: page for page in pages()}
