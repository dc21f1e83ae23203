"""Plan → image: the stack is made once, the service follows its folders, equal input gives equal bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.build.native import Materials, build
from slimtorch.build.slim_stack import Slimmed
from slimtorch.errors import ArchiveError
from slimtorch.host.cache import Cache
from slimtorch.host.progress import Silent
from slimtorch.image.codec import CODEC_ANNOTATION, GZIP, ZSTD, Codec
from slimtorch.image.flatten import flatten
from slimtorch.image.tree import FileTree, directory, merge, small_file, with_parents
from slimtorch.image.validate import validate
from slimtorch.project.model import Service
from slimtorch.project.plan import plan
from tests.unit.project.test_plan import PLATFORM, make_lock, make_project

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from slimtorch.image.model import Image
    from slimtorch.project.plan import Plan

HOME = directory("home/app", "slimtorch", uid=1000, gid=1000)
TORCH = "opt/venv/lib/python3.11/site-packages/torch.py"
STACK = with_parents(
    FileTree(
        [
            small_file("usr/lib/libc.so.6", b"libc", "deb:libc6=1"),
            small_file("usr/bin/python3.11", b"python", "deb:python3.11-minimal=1", mode=0o755),
            small_file(TORCH, b"torch", "wheel:torch==2.13.0+cpu"),
            small_file("opt/venv/pyvenv.cfg", b"home", "slimtorch"),
            directory("tmp", "slimtorch", mode=0o1777),
            HOME,
        ]
    ),
    "slimtorch",
)


def app(*paths: str) -> FileTree:
    return with_parents(FileTree(small_file(path, path.encode(), "app") for path in paths), "app")


def make_plan(workdir: PurePosixPath | None = None) -> Plan:
    service = Service(("python", "serve.py"))
    return plan(make_project(service=replace(service, workdir=workdir) if workdir else service), make_lock(), PLATFORM)


def built(
    cache: Cache, service: FileTree, *, stack: FileTree = STACK, codec: Codec = ZSTD, planned: Plan | None = None
) -> Image:
    materials = Materials(lambda: Slimmed(stack), service, FileTree())
    return build(planned or make_plan(), materials, codec, cache, Silent())


def test_the_layers_give_the_tree_back(tmp_path: Path) -> None:
    service = app("app/serve.py")
    image = built(Cache(tmp_path), service)
    assert validate(image) == []
    assert [layer.name for layer in image.layers] == ["os", "python", "torch", "system", "app"]
    seen = {path: (entry.kind, entry.mode, entry.uid, entry.content) for path, entry in flatten(image.layers).items()}
    whole = merge(STACK, service)
    assert seen == {path: (entry.kind, entry.mode, entry.uid, entry.content) for path, entry in whole.items()}


def test_a_service_below_home_or_tmp_leaves_those_folders_as_they_are(tmp_path: Path) -> None:
    flat = flatten(built(Cache(tmp_path), app("home/app/svc/serve.py", "tmp/x/y.py")).layers)
    assert (flat["home/app"].uid, flat["home/app"].gid) == (1000, 1000)
    assert flat["tmp"].mode == 0o1777


def test_the_service_may_not_hide_a_packages_file(tmp_path: Path) -> None:
    stack = FileTree(
        [
            *STACK.entries(),
            directory("app", "slimtorch"),
            small_file("app/serve.py", b"wheel's", "wheel:torch==2.13.0+cpu"),
        ]
    )
    for _ in ("from the tree", "from the record"):
        with pytest.raises(ArchiveError, match=r"/app/serve\.py"):
            built(Cache(tmp_path), app("app/serve.py"), stack=stack)


def test_a_code_change_does_not_ask_for_the_stack(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = built(cache, app("app/serve.py"))

    def never() -> Slimmed:
        raise AssertionError("the stack was assembled again")

    second = build(make_plan(), Materials(never, app("app/serve.py", "app/more.py"), FileTree()), ZSTD, cache, Silent())
    assert [layer.blob for layer in second.layers[:-1]] == [layer.blob for layer in first.layers[:-1]]
    assert second.layers[-1].blob != first.layers[-1].blob


def test_what_else_decides_the_stack_is_in_its_key(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    built(cache, app("app/serve.py"))
    other = FileTree([entry for entry in STACK.entries() if entry.path != "opt/venv/pyvenv.cfg"])
    materials = Materials(lambda: Slimmed(other), app("app/serve.py"), FileTree(), identity="without bytecode")
    assert "opt/venv/pyvenv.cfg" not in flatten(build(make_plan(), materials, ZSTD, cache, Silent()).layers)


def test_equal_input_gives_equal_bytes_and_the_codec_is_named(tmp_path: Path) -> None:
    one = built(Cache(tmp_path / "one"), app("app/serve.py"))
    two = built(Cache(tmp_path / "two"), app("app/serve.py"))
    gzip = built(Cache(tmp_path / "two"), app("app/serve.py"), codec=GZIP)
    assert one.digest == two.digest
    assert [layer.diff_id for layer in gzip.layers] == [layer.diff_id for layer in one.layers]
    assert gzip.config == one.config
    assert [image.annotations[CODEC_ANNOTATION] for image in (one, gzip)] == [ZSTD.id, GZIP.id]
