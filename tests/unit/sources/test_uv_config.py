from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.errors import ConfigError, FetchError
from slimtorch.host.fetch import Found
from slimtorch.image.digest import of_bytes
from slimtorch.project.lock import LockedWheel
from slimtorch.sources import duplicates, uv_config
from slimtorch.sources.indexes import Indexes, Overrides, Source, by_page, configured, uv_environment
from slimtorch.sources.request import Tools
from tests.unit.sources.test_indexes import by_name, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PIP = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "https://pip.example", "XDG_CONFIG_DIRS": "/nowhere"}
DEFAULT = '[[index]]\nname = "corp"\nurl = "https://u:secret@corp.example/simple"\ndefault = true\n'


@pytest.mark.parametrize("place", ["home/.config/uv/uv.toml", "project/uv.toml", "uv.toml", "named.toml"])
def test_a_default_index_of_uv_wins_over_pips_and_is_left_to_uv(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, DEFAULT)
    environ = {**PIP, **({"UV_CONFIG_FILE": str(tmp_path / place)} if place == "named.toml" else {})}
    found = configured(environ, tmp_path / "home", root=tmp_path / "project")

    assert by_name(found) == {"corp": "https://u:secret@corp.example/simple"}
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX"} & set(uv_environment(found, environ))
    assert by_page(found, "https://corp.example/simple") == "corp"
    assert found.settings.credentials == {"https://corp.example": "u:secret"}
    assert "secret" not in repr(found)


def test_pyproject_and_old_keys_are_read(tmp_path: Path) -> None:
    text = '[tool.uv]\nextra-index-url = ["https://x.example"]\nfind-links = ["wheels"]\n'
    write(tmp_path / "pyproject.toml", text + '[tool.uv.pip]\nindex-url = "https://main.example"\n')
    found = configured(PIP, tmp_path / "home", root=tmp_path)
    assert by_name(found) == {
        "uv-1": "https://x.example",
        "uv-2": str(tmp_path / "wheels"),
        "default": "https://main.example",
    }
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"} & set(uv_environment(found, PIP))


@pytest.mark.parametrize(
    ("environ", "overrides"),
    [
        ({"UV_DEFAULT_INDEX": "https://run.example"}, Overrides()),
        ({}, Overrides(index_url="https://run.example")),
    ],
)
def test_what_the_run_says_wins_over_the_files(tmp_path: Path, environ: dict[str, str], overrides: Overrides) -> None:
    write(tmp_path / "uv.toml", DEFAULT)
    found = configured({**PIP, **environ}, tmp_path / "home", root=tmp_path, overrides=overrides)
    assert by_name(found) == {"default": "https://run.example"}
    assert uv_environment(found, PIP)["UV_DEFAULT_INDEX"] == "https://run.example"


def test_without_a_default_of_uvs_pips_is_given(tmp_path: Path) -> None:
    row = '[[index]]\nname = "gpu"\nurl = "https://gpu.example"\nexplicit = true\n'
    write(tmp_path / "pyproject.toml", "[project]\nname = 'a'\n" + row.replace("[[index]]", "[[tool.uv.index]]"))
    found = configured(PIP, tmp_path / "home", root=tmp_path)
    assert by_name(found) == {"gpu": "https://gpu.example", "default": "https://pip.example"}
    assert [source.name for source in found.searched] == ["default"]
    assert uv_environment(found, PIP)["UV_DEFAULT_INDEX"] == "https://pip.example"
    off = configured({**PIP, "UV_NO_CONFIG": "1"}, tmp_path / "home", root=tmp_path)
    assert by_name(off) == {"default": "https://pip.example"}


def test_files_are_found_as_uv_finds_them(tmp_path: Path) -> None:
    system = write(tmp_path / "root/etc/uv/uv.toml", "")
    user = write(tmp_path / "home/.config/uv/uv.toml", "")
    write(tmp_path / "a/pyproject.toml", "[tool.black]\n")
    own = write(tmp_path / "pyproject.toml", "[tool.uv]\n")
    assert list(uv_config.files({}, tmp_path / "home", tmp_path / "a", tmp_path / "root")) == [own, user, system]
    near = write(tmp_path / "a/uv.toml", "")
    assert list(uv_config.files({}, tmp_path, tmp_path / "a", tmp_path)) == [near]


def test_a_file_that_is_no_toml_is_named_and_not_quoted(tmp_path: Path) -> None:
    write(tmp_path / "uv.toml", 'url = "https://u:secret@h')
    with pytest.raises(ConfigError, match=r"uv\.toml") as caught:
        uv_config.sources({}, tmp_path, tmp_path, tmp_path / "root")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("text", ["index = 3\npip = 4\nextra-index-url = 5\n", "index = [1, {url = 2}]\n", ""])
def test_values_of_other_types_are_uvs_to_refuse(tmp_path: Path, text: str) -> None:
    write(tmp_path / "uv.toml", text)
    write(tmp_path / "a/pyproject.toml", "tool = 3\n")
    assert uv_config.sources({}, tmp_path, tmp_path / "a", tmp_path / "root") == ()


class Answers:
    """A `Fetch` with one answer for each host; None means that nobody is there."""

    def __init__(self, answers: Mapping[str, int | None]) -> None:
        self.answers = answers

    def look(self, url: str) -> Found:
        status = self.answers[url.split("/")[2]]
        if status is None:
            raise FetchError("nobody there")
        return Found(status, None)

    def download(self, *_: Any, **__: Any) -> int:
        raise AssertionError


def test_a_source_that_cannot_be_asked_is_told() -> None:
    found = Indexes((Source("corp", "https://corp"), Source("shut", "https://shut"), Source("gone", "https://gone")))
    wheel = LockedWheel("six", "1", "six-1-py3-none-any.whl", of_bytes(b""), 0, "corp", "")
    fetch = Answers({"corp": HTTPStatus.OK, "shut": HTTPStatus.UNAUTHORIZED, "gone": None})
    assert duplicates.notes([wheel], {}, found, Tools(pytest.fail, fetch, {})) == [
        "the source gone could not be asked whether it holds packages of the same names: six",
        "the source shut could not be asked whether it holds packages of the same names: six",
    ]
    quiet = Tools(pytest.fail, Answers({"corp": 200, "shut": 404, "gone": 403}), {})
    assert duplicates.notes([wheel], {}, found, quiet) == []
