"""Resolving and fetching with the real uv, offline, on folders that the tests make."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import FetchError, LockError, ResolveError, SlimtorchError, VerificationError
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.project.model import Index, Requirements, Sources
from slimtorch.sources import downloads, resolve, uv
from slimtorch.sources.indexes import configured, uv_environment
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target
from tests.support.http import Asked, Reply, Served, serve
from tests.support.index import make_index
from tests.support.place import ARM, X86, Place, names
from tests.support.wheels import locked, make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_wheels_are_pinned_with_everything_but_an_address(place: Place) -> None:
    lib = make_wheel(place.made, "lib", "2.0")
    make_wheel(place.made, "demo", "1.0", requires=["lib>=1"])
    place.on_index()
    found = place.resolve(place.request("demo"))
    assert names(found) == ["demo==1.0", "lib==2.0"]
    assert found.wheels[1] == locked(lib)
    assert found.notes == ()
    assert not any(sign in repr((found.wheels, found.notes)) for sign in ("://", str(place.root.parent), "simple"))


def test_markers_and_tags_are_those_of_the_target(place: Place) -> None:
    for tag in (X86, ARM, "cp312-cp312-manylinux_2_28_x86_64"):
        make_wheel(place.made, "native", "1.0", tag=tag)
    make_wheel(place.made, "armonly", "1.0")
    place.on_index()
    lines = ["native", 'armonly; platform_machine == "aarch64"']
    amd, arm = (place.resolve(place.request(*lines, platform=name)) for name in ("linux/amd64", "linux/arm64"))
    assert [wheel.filename for wheel in amd.wheels] == [f"native-1.0-{X86}.whl"]
    assert [wheel.name for wheel in arm.wheels] == ["armonly", "native"]
    assert arm.wheels[1].filename == f"native-1.0-{ARM}.whl"


def test_a_wheel_for_a_newer_c_library_is_not_taken(place: Place) -> None:
    make_wheel(place.made, "native", "2.0", tag="cp311-cp311-manylinux_2_40_x86_64")
    make_wheel(place.made, "native", "1.0", tag="cp311-cp311-manylinux_2_36_x86_64")
    place.on_index()
    request = place.request("native")
    assert names(place.resolve(request)) == ["native==1.0"]
    assert names(place.resolve(replace(request, target=Target("3.11", glibc=41)))) == ["native==2.0"]


def test_pins_of_the_last_lock_are_kept(place: Place) -> None:
    old = locked(make_wheel(place.made, "lib", "1.0"))
    make_wheel(place.made, "lib", "2.0")
    place.on_index()
    assert names(place.resolve(replace(place.request("lib"), keep=(old,)))) == ["lib==1.0"]
    assert names(place.resolve(replace(place.request("lib>1"), keep=(old,)))) == ["lib==2.0"]


def test_requirements_files_with_constraints_and_includes(place: Place) -> None:
    for version in ("1.0", "2.0", "3.0"):
        make_wheel(place.made, "lib", version)
    make_wheel(place.made, "demo")
    place.on_index()
    (place.root / "c.txt").write_text("lib<3\n")
    (place.root / "base.txt").write_text("lib\n")
    main = place.root / "requirements.txt"
    main.write_text("-r base.txt\n-c c.txt\ndemo\n")
    assert names(place.resolve(place.request(requirements=Requirements(files=(main,))))) == ["demo==1.0", "lib==2.0"]


def test_pips_constraint_is_kept(place: Place) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(place.made, "lib", version)
    place.on_index()
    (place.root / "machine.txt").write_text("lib<2\n")
    place.environ["PIP_CONSTRAINT"] = str(place.root / "machine.txt")
    assert names(place.resolve(place.request("lib"))) == ["lib==1.0"]


def test_pips_find_links_serve_what_the_index_does_not(place: Place) -> None:
    make_wheel(place.made, "torch", "2.13.0")
    place.on_index()
    make_wheel(place.links, "torch", "2.13.0+cpu", tag=X86)
    place.environ["PIP_FIND_LINKS"] = str(place.links)
    found = place.resolve(place.request("torch==2.13.0"))
    assert [(wheel.version, wheel.index) for wheel in found.wheels] == [("2.13.0+cpu", "find-links-1")]
    assert found.notes == ("on several sources (find-links-1, default), taken from find-links-1: torch",)


def test_a_named_index_goes_into_the_lock_by_its_name(place: Place) -> None:
    place.on_index(make_wheel(place.links, "pub"))
    ours = make_index(place.root / "ours", [make_wheel(place.made, "private")])
    found = place.resolve(place.request("private", "pub", sources=Sources((Index("ours", ours.as_uri()),))))
    assert {wheel.name: wheel.index for wheel in found.wheels} == {"private": "ours", "pub": "default"}


def test_a_direct_requirement_keeps_its_address(place: Place) -> None:
    inside = make_wheel(place.root / "vendored", "inside")
    outside = make_wheel(place.made, "outside")
    main = place.root / "requirements.txt"
    main.write_text(f"./vendored/{inside.name}\noutside @ {outside.as_uri()}\n")
    request = place.request(requirements=Requirements(files=(main,)))
    found = place.resolve(request)
    assert [(wheel.index, wheel.url) for wheel in found.wheels] == [
        ("direct", f"vendored/{inside.name}"),
        ("direct", outside.as_uri()),
    ]
    assert len(place.fetch(found, request)) == 2


def test_unsatisfiable_requirements_give_uvs_reason(place: Place) -> None:
    make_wheel(place.made, "lib", "1.0")
    place.on_index()
    with pytest.raises(ResolveError, match=r"lib==1\.0|lib<=1\.0|lib>=2") as caught:
        place.resolve(place.request("lib>=2"))
    assert "://" not in caught.value.message
    assert str(place.root.parent) not in caught.value.message


def test_a_conflict_names_both_sides(place: Place) -> None:
    make_wheel(place.made, "lib", "1.0")
    make_wheel(place.made, "a", requires=["lib<2"])
    make_wheel(place.made, "b", requires=["lib>=2"])
    place.on_index()
    with pytest.raises(ResolveError, match="lib") as caught:
        place.resolve(place.request("a", "b"))
    assert "loosen" in caught.value.hint


def test_a_name_that_nobody_knows(place: Place) -> None:
    place.on_index()
    with pytest.raises(ResolveError, match="nosuchthing"):
        place.resolve(place.request("nosuchthing"))


def sdist(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0.tar.gz"
    path.write_bytes(b"never opened")
    return path


def test_what_exists_only_as_source_needs_the_builder(place: Place) -> None:
    make_index(place.index, [sdist(place.made, "oldstyle")])
    with pytest.raises(ResolveError, match="oldstyle exists only as source") as caught:
        place.resolve(place.request("oldstyle"))
    assert "builder stage" in caught.value.hint


# -- hashes -------------------------------------------------------------------------------------------------------


def hashed(place: Place, text: str) -> Request:
    main = place.root / "requirements.txt"
    main.write_text(text)
    return place.request(requirements=Requirements(files=(main,)))


def test_hashed_requirements_are_enforced(place: Place) -> None:
    digest = locked(make_wheel(place.made, "lib", "1.0")).sha256.hex
    place.on_index()
    assert names(place.resolve(hashed(place, f"lib==1.0 --hash=sha256:{digest}\n"))) == ["lib==1.0"]
    with pytest.raises(VerificationError, match="not one of the files"):
        place.resolve(hashed(place, f"lib==1.0 --hash=sha256:{'0' * 64}\n"))


def test_one_hash_means_all(place: Place) -> None:
    digest = locked(make_wheel(place.made, "demo", "1.0", requires=["lib"])).sha256.hex
    make_wheel(place.made, "lib", "1.0")
    place.on_index()
    with pytest.raises(ResolveError, match="none for lib"):
        place.resolve(hashed(place, f"demo==1.0 --hash=sha256:{digest}\n"))


# -- locks of other tools -------------------------------------------------------------------------------------------


def pylock(place: Place, *wheels: Path, size: int | None = None, digest: str = "") -> Request:
    lines = ['lock-version = "1.0"', 'created-by = "a test"']
    for wheel in wheels:
        pin = locked(wheel)
        told = f", size = {size}" if size is not None else ""
        lines += ["[[packages]]", f'name = "{pin.name}"', f'version = "{pin.version}"', "[[packages.wheels]]"]
        lines += [
            f'path = "{os.path.relpath(wheel, place.root)}"',
            f'hashes = {{sha256 = "{digest or pin.sha256.hex}"}}',
        ]
        lines += [told.removeprefix(", ")]
    path = place.root / "pylock.toml"
    path.write_text("\n".join(lines) + "\n")
    return place.request(requirements=Requirements(lock=path))


def test_a_pylock_is_used_as_it_is(place: Place) -> None:
    request = pylock(place, make_wheel(place.root / "w", "demo"), make_wheel(place.root / "w", "native", tag=X86))
    found = place.resolve(request)
    assert names(found) == ["demo==1.0", "native==1.0"]
    downloads.remember(found, place.cache)
    assert set(place.fetch(found, request)) == {"wheel:demo==1.0", "wheel:native==1.0"}


def test_a_pylock_for_another_target_is_refused(place: Place) -> None:
    with pytest.raises(ResolveError, match="does not fit"):
        place.resolve(pylock(place, make_wheel(place.root / "w", "native", tag=ARM)))


def test_a_pylock_that_lies_about_a_size(place: Place) -> None:
    with pytest.raises(VerificationError, match="were promised"):
        place.resolve(pylock(place, make_wheel(place.root / "w", "demo"), size=7))


def test_a_pylock_that_lies_about_a_hash_is_found_out_when_fetching(place: Place) -> None:
    request = pylock(place, make_wheel(place.root / "w", "demo"), digest="0" * 64)
    found = place.resolve(request)
    downloads.remember(found, place.cache)
    with pytest.raises(VerificationError, match=r"demo-1\.0"):
        place.fetch(found, request)


def test_a_damaged_pylock(place: Place) -> None:
    request = pylock(place)
    (place.root / "pylock.toml").write_text("lock-version = 1")
    with pytest.raises(LockError, match=r"pylock\.toml"):
        place.resolve(request)


def test_a_uv_lock_is_exported(place: Place) -> None:
    make_wheel(place.made, "lib", "1.0")
    make_wheel(place.made, "tool", "1.0")
    make_wheel(place.made, "extra", "1.0")
    place.on_index()
    (place.root / "pyproject.toml").write_text(
        '[project]\nname = "service"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["lib"]\n'
        '[dependency-groups]\ndev = ["tool"]\nserve = ["extra"]\n'
    )
    request = place.request(requirements=Requirements(lock=place.root / "uv.lock", groups=("serve",)))
    run([uv.binary(), "lock", "-q"], env=uv_environment(request.indexes, place.environ), cwd=place.root).check()
    found = place.resolve(request)
    assert names(found) == ["extra==1.0", "lib==1.0"]


# -- the CPU build of torch -------------------------------------------------------------------------------------------


def cuda_torch(place: Place) -> None:
    make_wheel(place.made, "nvidia-cublas", "13.0", tag=X86)
    make_wheel(place.made, "torch", "2.14.0", tag=X86, requires=["nvidia-cublas"])
    make_wheel(place.made, "torch", "2.13.0", tag=X86, requires=["nvidia-cublas"])
    place.on_index()


def test_cuda_is_taken_where_the_project_allows_it(place: Place) -> None:
    cuda_torch(place)
    assert names(place.resolve(place.request("torch"))) == ["nvidia-cublas==13.0", "torch==2.14.0"]


def test_the_newest_cpu_build_that_is_served_is_found(place: Place) -> None:
    cuda_torch(place)
    make_wheel(place.links, "torch", "2.12.0+cpu", tag=X86)
    make_wheel(place.links, "torch", "2.13.0+cpu", tag=X86)
    make_wheel(place.links, "torch", "2.15.0+cpu", tag=ARM)
    place.environ["PIP_FIND_LINKS"] = str(place.links)
    found = place.resolve(place.request("torch", device="cpu"))
    assert names(found) == ["torch==2.13.0+cpu"]
    assert "newest CPU build" in found.notes[0]


def test_a_cpu_build_on_an_index_folder_is_found(place: Place) -> None:
    cuda_torch(place)
    extra = make_index(place.root / "extra", [make_wheel(place.links, "torch", "2.13.0+cpu", tag=X86)])
    place.environ["PIP_EXTRA_INDEX_URL"] = extra.as_uri()
    found = place.resolve(place.request("torch", device="cpu"))
    assert [(wheel.version, wheel.index) for wheel in found.wheels] == [("2.13.0+cpu", "extra-1")]


def test_cuda_in_a_cpu_service_is_refused_with_its_cause(place: Place) -> None:
    cuda_torch(place)
    with pytest.raises(ResolveError, match=r"nvidia-cublas==13\.0 \(for torch\)") as caught:
        place.resolve(place.request("torch", device="cpu"))
    assert "+cpu" in caught.value.hint


def test_cuda_that_a_plugin_brings_is_refused(place: Place) -> None:
    make_wheel(place.made, "triton", "3.0", tag=X86)
    make_wheel(place.made, "plugin", "1.0", requires=["triton"])
    make_wheel(place.made, "torch", "2.13.0+cpu", tag=X86)
    place.on_index()
    with pytest.raises(ResolveError, match=r"triton==3\.0 \(for plugin\)"):
        place.resolve(place.request("torch", "plugin", device="cpu"))


def test_a_lock_of_another_tool_with_cuda_is_refused(place: Place) -> None:
    request = pylock(place, make_wheel(place.root / "w", "nvidia-cublas", tag=X86))
    with pytest.raises(ResolveError, match="nvidia-cublas"):
        place.resolve(replace(request, device="cpu"))


# -- fetching ---------------------------------------------------------------------------------------------------------


def one(place: Place, *lines: str) -> tuple[Resolution, Request]:
    request = place.request(*(lines or ("demo",)))
    return place.resolve(request), request


def test_files_are_found_again_without_an_address(place: Place) -> None:
    make_wheel(place.made, "demo", requires=["lib"])
    make_wheel(place.made, "lib")
    place.on_index()
    found, request = one(place)
    blobs = place.fetch(found, request)
    for wheel in found.wheels:
        assert locked(place.made / wheel.filename).sha256 == wheel.sha256
        assert blobs[wheel.owner].read_bytes() == (place.made / wheel.filename).read_bytes()


def test_what_the_cache_has_is_not_asked_for(place: Place) -> None:
    make_wheel(place.made)
    place.on_index()
    found, request = one(place)
    place.fetch(found, request)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError

    still = Tools(forbidden, forbidden, {})  # type: ignore[arg-type]
    assert downloads.fetch(found.wheels, request, still, place.cache, Silent())


def test_a_vendored_folder_serves_the_files(place: Place) -> None:
    wheel = make_wheel(place.made)
    place.on_index()
    found, _ = one(place)
    vendor = place.root / "vendor"
    vendor.mkdir()
    (vendor / wheel.name).write_bytes(wheel.read_bytes())
    place.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/gone"
    request = place.request("demo", sources=Sources(vendor=vendor))
    assert place.fetch(found, request)


def test_a_file_that_changed_is_refused(place: Place) -> None:
    wheel = make_wheel(place.links)
    place.environ["PIP_FIND_LINKS"] = str(place.links)
    found, request = one(place)
    data = bytearray(wheel.read_bytes())
    data[50] ^= 1
    wheel.write_bytes(data)
    with pytest.raises(VerificationError, match=wheel.name):
        place.fetch(found, request)
    assert not list(place.cache.contents())


def test_a_file_that_is_gone_is_named(place: Place) -> None:
    make_wheel(place.made)
    place.on_index()
    found, request = one(place)
    downloads.remember(found, place.cache)
    for path in place.index.rglob("*.whl"):
        path.unlink()
    for page in place.index.rglob("index.html"):
        page.write_text("<html></html>")
    (place.root.parent / "uv-cache").rename(place.root.parent / "uv-old")
    with pytest.raises(FetchError, match=r"demo-1\.0-py3-none-any\.whl"):
        place.fetch(found, request)


# -- over HTTP, as a mirror does it -----------------------------------------------------------------------------------


def mirror(root: Path, asked: Asked, *, login: str = "") -> Reply:
    if login and asked.headers.get("authorization") != login:
        return Reply(401, headers={"WWW-Authenticate": "Basic"})
    path = root / asked.path.strip("/")
    path = path / "index.html" if path.is_dir() else path
    kind = "text/html" if path.suffix == ".html" else "application/octet-stream"
    return Reply(body=path.read_bytes(), headers={"Content-Type": kind}) if path.is_file() else Reply(404)


def over_http(place: Place, server: Served, lines: Sequence[str], login: str = "") -> Request:
    place.environ["PIP_INDEX_URL"] = f"{server.url.replace('://', f'://{login}')}/simple"
    place.environ["UV_HTTP_RETRIES"] = "0"
    wanted = Requirements(inline=tuple(lines))
    return Request(wanted, Target("3.11"), configured(place.environ, place.root, requirements=wanted), place.root)


def test_an_index_with_a_password(place: Place) -> None:
    make_wheel(place.made, "demo", requires=["lib"])
    make_wheel(place.made, "lib")
    place.on_index()
    with serve(lambda asked: mirror(place.index, asked, login="Basic bWU6c2VjcmV0")) as server:
        request = over_http(place, server, ["demo"], "me:secret@")
        tools = Tools(run, HttpFetch(request.indexes.settings), place.environ)
        found = resolve.resolve(request, tools)
        downloads.remember(found, place.cache)
        kept = [str(place.cache.record("located", wheel.sha256)) for wheel in found.wheels]
        blobs = downloads.fetch(found.wheels, request, tools, place.cache, Silent())
    assert len(blobs) == 2
    said = repr((found, kept, found.notes))
    assert "secret" not in said
    assert "127.0.0.1" not in repr((found.wheels, found.notes))
    assert [wheel.size for wheel in found.wheels] == [
        (place.made / wheel.filename).stat().st_size for wheel in found.wheels
    ]


def test_a_moved_file_is_found_by_asking_again(place: Place) -> None:
    make_wheel(place.made)
    place.on_index()
    with serve(lambda asked: mirror(place.index, asked)) as server:
        request = over_http(place, server, ["demo"])
        tools = Tools(run, HttpFetch(request.indexes.settings), place.environ)
        found = resolve.resolve(request, tools)
        place.cache.put_record(
            "located", found.wheels[0].sha256, {"url": f"{server.url}/old/{found.wheels[0].filename}"}
        )
        assert downloads.fetch(found.wheels, request, tools, place.cache, Silent())


def test_a_mirror_that_is_down_is_said_without_its_password(place: Place) -> None:
    with serve(lambda _: Reply(404)) as server:
        request = over_http(place, server, ["demo"], "me:secret@")
    with pytest.raises(SlimtorchError) as caught:
        resolve.resolve(request, Tools(run, HttpFetch(request.indexes.settings), place.environ))
    assert isinstance(caught.value, FetchError)
    assert "secret" not in caught.value.message + caught.value.hint
