from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.config import config_digest
from slimtorch.project.model import Profile, Slim
from tests.support.projects import service

if TYPE_CHECKING:
    from pathlib import Path


def slim(root: Path, text: str) -> Slim:
    return service(root, "", f"[slim]\n{text}\n").slim


def complaint(root: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        slim(root, text)
    return caught.value


def test_without_the_section(tmp_path: Path) -> None:
    assert service(tmp_path).slim == Slim()


def test_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text("{}")
    found = slim(
        tmp_path,
        'profile = "inference"\nvendor = true\nkeep-ptx = "newest"\nstubs = ["nccl", "cufft", "nccl"]\n'
        'keep = { "torch/include/**" = "we compile extensions" }\ntraced = "trace.json"\n'
        '[slim.drop]\n"/usr/share/doc/**" = "nobody reads it"',
    )
    assert found == Slim(
        profile=Profile.INFERENCE,
        vendor=True,
        keep_ptx="newest",
        stubs=("nccl", "cufft"),
        keep={"torch/include/**": "we compile extensions"},
        drop={"/usr/share/doc/**": "nobody reads it"},
        traced=tmp_path / "trace.json",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('profile = "inferense"', "slim.profile: must be one of"),
        ('profile = "inferense"', "did you mean `inference`?"),
        ('keep_ptx = "none"', "did you mean `keep-ptx`?"),
        ('keep-ptx = "newst"', "did you mean `newest`?"),
        ('vendor = "yes"', "slim.vendor: must be true or false"),
        ('stubs = ["ncll"]', "did you mean `nccl`?"),
        ('stubs = ["cufile"]', "cannot have a stand-in"),
        ('keep = ["torch/**"]', "must be a table of patterns with reasons, not a list"),
        ('keep = { "torch/**" = "" }', "has no reason"),
        ('drop = { "../x" = "because" }', "is no pattern of paths inside the tree"),
        ('drop = { "**" = "because" }', "is no pattern of paths inside the tree"),
        ('keep = { "a" = "x" }\ndrop = { "a" = "y" }', "is to be kept as well"),
        ('traced = "trace.json"', "does not exist in the project folder"),
        ('traced = "/etc/passwd"', "must be relative"),
        ('profile = "none"\nstubs = ["nccl"]', 'does not go with slim.profile = "none"'),
    ],
)
def test_complaints(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(tmp_path, text).message


def test_a_list_of_patterns_gets_its_way_out(tmp_path: Path) -> None:
    assert '{ "torch/**" = "the reason" }' in complaint(tmp_path, 'keep = ["torch/**"]').hint


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    wrong = complaint(tmp_path, 'profile = "all"\nvendor = 1\nstubs = ["x", "y"]')
    assert len(wrong.problems) == 4


def test_it_does_not_decide_the_lock(tmp_path: Path) -> None:
    plain = config_digest(service(tmp_path))
    assert config_digest(service(tmp_path, "", '[slim]\nprofile = "inference"\nstubs = ["nccl"]\n')) == plain
