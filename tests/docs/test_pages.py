"""What keeps the written pages true."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project import config, lock_file
from tests.docs.pages import PAGES, REPOSITORY, Page, anchor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LETTERS = 12
"""As many letters have to be the same before a line counts as a message of the source."""

every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def test_there_is_something_to_test() -> None:
    assert {"README.md", "docs/README.md", "docs/guides/running.md", "docs/reference/image.md"} <= PAGES.keys()
    assert anchor("Where `packages` come from: 2") == "where-packages-come-from-2"


@every_page
def test_every_link_leads_somewhere(page: Page) -> None:
    broken = [link for link in page.links if not urlsplit(link).scheme and not _resolves(page, link)]
    assert not broken


def _resolves(page: Page, link: str) -> bool:
    path, _, name = link.partition("#")
    target = (page.path.parent / path).resolve() if path else page.path
    if not target.exists() or not target.is_relative_to(REPOSITORY):
        return False
    return not name or name in PAGES[target.relative_to(REPOSITORY).as_posix()].anchors


def test_the_index_names_every_page_of_the_documentation() -> None:
    index = PAGES["docs/README.md"]
    named = {(index.path.parent / link).resolve() for link in index.links}
    assert [page.name for page in PAGES.values() if page.name.startswith("docs/") and page.path not in named] == [
        "docs/README.md"
    ]


@every_page
def test_every_toml_block_is_accepted(page: Page, tmp_path: Path) -> None:
    for number, block in enumerate(page.blocks("toml")):
        document = tomllib.loads(block)
        if "config-digest" in document:
            assert lock_file.parse(block).platforms
        else:
            root = tmp_path / str(number)
            assert config.load(_project(root, document, block), platform="linux/amd64").service.command


def _project(root: Path, document: dict[str, object], block: str) -> Path:
    """A folder with every file that the documentation's examples name, and `block` as its configuration."""
    for name in ("src", "vendor", "keys", "data"):
        (root / name).mkdir(parents=True)
    for name in ("requirements.txt", "serve.py", "model.safetensors", "checks.json", "trace.json", "keys/debian.gpg"):
        (root / name).touch()
    in_pyproject = "tool" in document or "project" in document
    service = "" if in_pyproject or "service" in document else '\n[service]\ncommand = ["python", "serve.py"]\n'
    (root / ("pyproject.toml" if in_pyproject else "slimtorch.toml")).write_text(block + service)
    return root


def test_a_wrong_block_would_be_refused(tmp_path: Path) -> None:
    block = "[torch]\ndevise = 'cpu'\n"
    with pytest.raises(ConfigError, match="devise"):
        config.load(_project(tmp_path / "0", tomllib.loads(block), block), platform="linux/amd64")


@every_page
def test_every_make_target_exists(page: Page) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    lines = [*page.code, *(line.removeprefix("$ ") for block in page.blocks("console") for line in block.splitlines())]
    named = {word for line in lines if (found := re.match(r"make ([a-z-]+)", line)) for word in found.groups()}
    assert named <= targets


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    readme = PAGES["README.md"]
    assert len(readme.text.splitlines()) <= 150
    assert {"make demo", "make test"} <= {line[2:11] for line in readme.blocks("console")[0].splitlines()}


def test_messages_in_the_troubleshooting_guide_are_messages_of_the_source() -> None:
    blocks = PAGES["docs/guides/troubleshooting.md"].blocks("text")
    errors = [line for block in blocks for line in block.splitlines() if line.startswith("error: ")]
    said = [pattern for path in REPOSITORY.glob("src/**/*.py") for pattern in _messages(path.read_text())]
    assert len(errors) > 15
    assert not [line for line in errors if not any(pattern.search(line) for pattern in said)]
    assert not any(pattern.search("error: the moon is made of cheese") for pattern in said)


def _messages(source: str) -> Iterator[re.Pattern[str]]:
    """The texts in a module, as patterns that let any value stand where one is filled in."""
    for node in ast.walk(ast.parse(source)):
        values = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [value.value if isinstance(value, ast.Constant) else None for value in values]
        literal = "".join(text for text in texts if isinstance(text, str)).partition("\n")[0]
        if sum(character.isalpha() for character in literal) >= LETTERS:
            parts = [re.escape(text) if isinstance(text, str) else ".+" for text in texts]
            yield re.compile("".join(parts).partition("\\\n")[0])
