from __future__ import annotations

import os
from pathlib import Path

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.model import Index, Requirements, Sources
from slimtorch.sources import indexes, pip_config, requirements
from slimtorch.sources.indexes import Indexes, Overrides, Source, by_page, configured, name_of, uv_environment

QUIET = {"PIP_CONFIG_FILE": os.devnull}
HOME = Path("/nowhere")


def by_name(found: Indexes) -> dict[str, str]:
    return {source.name: source.url for source in found.sources}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_pips_files_are_merged_in_its_own_order(tmp_path: Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    write(root / "etc/xdg/pip/pip.conf", "[global]\nindex-url = https://xdg\ncert = /xdg\nproxy = xdg:1\n")
    write(root / "etc/pip.conf", "[global]\nindex-url = https://etc\nextra-index-url =\n    https://a\n    https://b\n")
    write(home / ".pip/pip.conf", "[global]\nindex-url = https://legacy\n")
    write(home / ".config/pip/pip.conf", "[install]\nindex_url = https://install\n[global]\nindex-url = https://user\n")
    venv = write(tmp_path / "venv/pip.conf", "[global]\n--timeout = 5\nindex-url = https://venv\n").parent
    found = pip_config.settings({"VIRTUAL_ENV": str(venv)}, home, root)
    assert found["index-url"] == "https://install"
    assert found["cert"] == "/xdg"
    assert found["timeout"] == "5"
    assert found["extra-index-url"].split() == ["https://a", "https://b"]
    own = write(tmp_path / "own.conf", "[global]\nproxy = own:1\n")
    named = pip_config.settings({"PIP_CONFIG_FILE": str(own), "PIP_CERT": "/env", "PIP_PROXY": ""}, home, root)
    assert (named["proxy"], named["cert"], named["index-url"]) == ("own:1", "/env", "https://etc")
    assert pip_config.settings({"PIP_CONFIG_FILE": os.devnull}, home, root) == {}


def test_xdg_folders_are_honoured(tmp_path: Path) -> None:
    one = write(tmp_path / "one/pip/pip.conf", "[global]\ncert = one\nproxy = one\n").parents[1]
    two = write(tmp_path / "two/pip/pip.conf", "[global]\ncert = two\n").parents[1]
    environ = {"XDG_CONFIG_DIRS": f"{tmp_path}/none", "XDG_CONFIG_HOME": str(two)}
    write(tmp_path / "root" / str(one)[1:] / "pip/pip.conf", "[global]\ncert = one\nproxy = one\n")
    found = pip_config.settings({**environ, "XDG_CONFIG_DIRS": str(one)}, tmp_path / "home", tmp_path / "root")
    assert (found["cert"], found["proxy"]) == ("two", "one")


def test_a_file_that_pip_could_not_read_is_named_and_not_quoted(tmp_path: Path) -> None:
    own = write(tmp_path / "own.conf", "index-url = https://u:secret@h\n")
    with pytest.raises(ConfigError, match=r"own\.conf") as caught:
        pip_config.settings({"PIP_CONFIG_FILE": str(own)}, tmp_path, tmp_path)
    assert "secret" not in caught.value.message


def test_everything_configured_has_a_name() -> None:
    environ = {
        **QUIET,
        "PIP_INDEX_URL": "https://pip.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://x.example/simple https://y.example/simple",
        "PIP_FIND_LINKS": "/wheels https://links.example/page",
        "UV_INDEX": "corp=https://corp.example/simple https://z.example/simple",
    }
    found = by_name(configured(environ, HOME, sources=Sources((Index("ours", "https://ours.example/simple"),))))
    assert found == {
        "find-links-1": "/wheels",
        "find-links-2": "https://links.example/page",
        "ours": "https://ours.example/simple",
        "corp": "https://corp.example/simple",
        "extra-1": "https://z.example/simple",
        "extra-2": "https://x.example/simple",
        "extra-3": "https://y.example/simple",
        "default": "https://pip.example/simple",
    }


@pytest.mark.parametrize(
    ("environ", "overrides", "expected"),
    [
        ({}, Overrides(), ""),
        ({"PIP_INDEX_URL": "https://pip"}, Overrides(), "https://pip"),
        ({"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://old"}, Overrides(), "https://old"),
        ({"UV_DEFAULT_INDEX": "main=https://new", "UV_INDEX_URL": "https://old"}, Overrides(), "https://new"),
        ({"UV_DEFAULT_INDEX": "https://h/?a=b"}, Overrides(), "https://h/?a=b"),
        ({"UV_DEFAULT_INDEX": "https://new"}, Overrides(index_url="https://run"), "https://run"),
    ],
)
def test_the_nearest_default_wins(environ: dict[str, str], overrides: Overrides, expected: str) -> None:
    assert by_name(configured({**QUIET, **environ}, HOME, overrides=overrides))["default"] == expected


def test_requirements_files_name_sources_too(tmp_path: Path) -> None:
    write(tmp_path / "base.txt", "--extra-index-url https://base.example\nsix\n")
    main = write(tmp_path / "requirements.txt", "-r base.txt\n-f wheels\n--index-url=https://main.example\nsix\n")
    found = by_name(configured(QUIET, HOME, requirements=Requirements(files=(main,))))
    assert found == {
        "find-links-1": str(tmp_path / "wheels"),
        "extra-1": "https://base.example",
        "default": "https://main.example",
    }


def test_one_address_twice_is_one_source() -> None:
    found = configured({**QUIET, "PIP_EXTRA_INDEX_URL": "https://a https://a", "UV_INDEX": "a=https://a"}, HOME)
    assert by_name(found) == {"a": "https://a", "default": ""}


def test_uv_gets_what_pip_has() -> None:
    environ = {
        **QUIET,
        "PATH": "/bin",
        "PIP_FIND_LINKS": "/one /two",
        "PIP_EXTRA_INDEX_URL": "https://u:p@a.example/simple file:///b/simple",
        "PIP_INDEX_URL": "https://main.example/simple",
        "PIP_CERT": "/ca.pem",
        "PIP_CLIENT_CERT": "/me.pem",
        "PIP_TRUSTED_HOST": "a.example b.example:8443",
        "PIP_PROXY": "http://proxy:1",
        "UV_EXTRA_INDEX_URL": "https://c.example",
        "UV_NO_BINARY": "1",
    }
    found = uv_environment(configured(environ, HOME, overrides=Overrides(offline=True)), environ)
    assert found["UV_FIND_LINKS"] == "/one,/two"
    assert found["UV_INDEX"] == "https://c.example https://u:p@a.example/simple file:///b/simple"
    assert found["UV_DEFAULT_INDEX"] == "https://main.example/simple"
    assert found["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert found["SSL_CERT_FILE"] == "/ca.pem"
    assert found["SSL_CLIENT_CERT"] == "/me.pem"
    assert found["UV_INSECURE_HOST"] == "a.example b.example:8443"
    assert found["HTTP_PROXY"] == found["HTTPS_PROXY"] == "http://proxy:1"
    assert found["UV_OFFLINE"] == "1"
    assert found["UV_PYTHON_DOWNLOADS"] == "never"
    assert found["PATH"] == "/bin"
    assert not {"UV_EXTRA_INDEX_URL", "UV_NO_BINARY", "PIP_CERT"} & set(found)


def test_nothing_configured_leaves_uv_its_own() -> None:
    found = uv_environment(configured(QUIET, HOME), {"UV_INDEX_STRATEGY": "first-index"})
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_OFFLINE"} & set(found)
    assert found["UV_INDEX_STRATEGY"] == "first-index"


def test_pips_constraint_and_no_index_are_honoured() -> None:
    found = configured(
        {**QUIET, "PIP_CONSTRAINT": "/a.txt /b.txt", "PIP_NO_INDEX": "true", "PIP_FIND_LINKS": "/w"}, HOME
    )
    assert found.constraints == ("/a.txt", "/b.txt")
    assert [source.name for source in found.searched] == ["find-links-1"]


def test_credentials_never_show() -> None:
    environ = {**QUIET, "PIP_INDEX_URL": "https://user:hunter2@h.example/simple", "PIP_PROXY": "http://p:hunter2@proxy"}
    found = configured(environ, HOME)
    assert "hunter2" not in repr(found)
    assert found.settings.credentials == {"https://h.example": "user:hunter2"}


def sources(*found: Source) -> Indexes:
    return Indexes(found)


def test_a_file_belongs_to_the_source_that_it_lies_with() -> None:
    found = sources(
        Source("find-links-1", "/srv/wheels", links=True),
        Source("near", "file:///srv/pypi/simple"),
        Source("far", "file:///srv/pypi-more/simple"),
        Source("corp", "https://u:p@corp.example/team/simple"),
        Source("default", ""),
    )
    assert name_of(found, "file:///srv/wheels/a-1-py3-none-any.whl") == "find-links-1"
    assert name_of(found, "file:///srv/pypi/files/a-1-py3-none-any.whl") == "near"
    assert name_of(found, "file:///srv/pypi-more/files/a-1-py3-none-any.whl") == "far"
    assert name_of(found, "https://corp.example/team/files/a.whl") == "corp"
    assert name_of(found, "https://files.example/a.whl") == "default"


def test_a_page_names_its_source() -> None:
    found = sources(
        Source("corp", "https://u:p@Corp.example/simple/"), Source("w", "/srv/w", links=True), Source("default", "")
    )
    assert by_page(found, "https://corp.example/simple") == "corp"
    assert by_page(found, "file:///srv/w") == "w"
    assert by_page(found, "https://public.example/simple") == "default"
    assert by_page(found, "https://torch.example/whl/cpu") == indexes.TORCH_CPU


def test_hashes_are_read_over_lines_and_files(tmp_path: Path) -> None:
    one, two = "a" * 64, "B" * 64
    write(tmp_path / "more.txt", f"Other_Name==1 --hash=sha256:{two}\n")
    main = write(
        tmp_path / "r.txt", f"# c\nsix==1 \\\n  --hash=sha256:{one} \\\n  --hash=sha256:{two} # why\n-rmore.txt\n"
    )
    found = requirements.read([main])
    assert found.hashes == {"six": frozenset({one, two.lower()}), "other-name": frozenset({two.lower()})}


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    main = write(tmp_path / "r.txt", "-r r.txt\n")
    with pytest.raises(ConfigError, match="includes itself"):
        requirements.read([main])
    with pytest.raises(ConfigError, match=r"gone\.txt"):
        requirements.read([tmp_path / "gone.txt"])
