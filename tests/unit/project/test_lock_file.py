from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import LockError
from slimtorch.image.digest import from_hex, of_bytes
from slimtorch.project import lock_file
from slimtorch.project.config import config_digest, inputs
from slimtorch.project.lock import Lock, LockedBase, LockedDeb, LockedPlatform, LockedWheel
from tests.support.projects import service

if TYPE_CHECKING:
    from pathlib import Path

TORCH = LockedWheel(
    "torch", "2.13.0+cpu", "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", of_bytes(b"t"), 190_000_000
)
NUMPY = LockedWheel(
    "numpy", "2.4.6", "numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl", of_bytes(b"n"), 16_000_000, "models",
    "https://example.org/numpy.whl",
)  # fmt: skip
LIBC = LockedDeb("libc6", "2.36-9+deb12u10", "amd64", "libc6_2.36-9+deb12u10_amd64.deb", of_bytes(b"c"), 2_700_000, "b")
LOCK = Lock(
    of_bytes(b"intent"), "3.11", "bookworm", {"linux/amd64": LockedPlatform((NUMPY, TORCH), (LIBC,))},
    inputs={"requirements.txt": of_bytes(b"r")},
)  # fmt: skip

names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
words = st.text("aZ09 .:-_/é→😀\"'\\#=[]{}", min_size=1, max_size=20)
digests = st.binary(max_size=4).map(of_bytes)
sizes = st.integers(1, 10**11)


@st.composite
def wheels(draw: st.DrawFn) -> LockedWheel:
    name, version = draw(names), draw(st.from_regex(r"[1-9]\.[1-9](\+cpu)?", fullmatch=True))
    url = draw(st.sampled_from(["", "https://example.org/x.whl?a=\"b'\\#1"]))
    return LockedWheel(
        name, version, f"{name}-{version}-py3-none-any.whl", draw(digests), draw(sizes), draw(words), url
    )


@st.composite
def debs(draw: st.DrawFn) -> LockedDeb:
    name, version = draw(names.filter(lambda name: len(name) > 1)), draw(st.sampled_from(["1:2.3-4", "7.0~rc1+dfsg"]))
    file = f"{name}_{version.replace(':', '%3a')}_amd64.deb"
    return LockedDeb(name, version, "amd64", file, draw(digests), draw(sizes), draw(st.just("") | words))


platforms = st.builds(
    LockedPlatform,
    wheels=st.lists(wheels(), max_size=4, unique_by=lambda wheel: wheel.name).map(lambda w: tuple(sorted(w))),
    debs=st.lists(debs(), max_size=3, unique_by=lambda deb: deb.name).map(lambda d: tuple(sorted(d))),
    base=st.none()
    | st.builds(
        LockedBase,
        reference=words,
        digest=digests,
        interpreter=st.sampled_from(["/usr/bin/python3.11", "/usr/local/bin/python3.13"]),
        glibc=st.integers(17, 60),
    ),
)
locks = st.builds(
    Lock,
    config_digest=digests,
    python=st.sampled_from(["3.11", "3.13"]),
    suite=words,
    platforms=st.dictionaries(st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]), platforms),
    load_seconds=st.none() | st.floats(0, 1e5),
    inputs=st.dictionaries(words | st.just('a"\x7f\\b'), digests, max_size=3),
)


@given(locks)
def test_what_is_written_is_read(lock: Lock) -> None:
    text = lock_file.emit(lock)
    assert lock_file.parse(text) == lock
    assert lock_file.emit(lock_file.parse(text)) == text


@pytest.mark.parametrize("url", ["wheels/demo-1.0-py3-none-any.whl", "https://example.org/demo-1.0-py3-none-any.whl"])
def test_the_users_own_address_comes_back(url: str) -> None:
    wheel = LockedWheel("demo", "1.0", "demo-1.0-py3-none-any.whl", of_bytes(b"x"), 1, "direct", url)
    lock = Lock(of_bytes(b"i"), "3.11", "bookworm", {"linux/amd64": LockedPlatform((wheel,))})
    assert lock_file.parse(lock_file.emit(lock)) == lock


@pytest.mark.parametrize("url", ["/etc/passwd", "../demo.whl", "a/../../b.whl", "ftp://example.org/x.whl"])
def test_an_address_that_leaves_the_project_is_damage(url: str) -> None:
    wheel = LockedWheel("demo", "1.0", "demo-1.0-py3-none-any.whl", of_bytes(b"x"), 1, "direct", url)
    text = lock_file.emit(Lock(of_bytes(b"i"), "3.11", "bookworm", {"linux/amd64": LockedPlatform((wheel,))}))
    with pytest.raises(LockError, match="neither an address"):
        lock_file.parse(text)


def test_the_text_is_stable_and_readable() -> None:
    turned = replace(LOCK, platforms={"linux/amd64": LockedPlatform((TORCH, NUMPY), (LIBC,))}, notes=("said",))
    text = lock_file.emit(turned)
    assert text == lock_file.emit(LOCK)
    assert text.startswith("# Written by `slimtorch lock`")
    assert '[[platform."linux/amd64".wheel]]\nname = "torch"\nversion = "2.13.0+cpu"\nfile = "torch-' in text
    assert "said" not in text
    assert tomllib.loads(text)["platform"]["linux/amd64"]["deb"][0]["sha256"] == LIBC.sha256.hex


@given(st.text(max_size=60))
def test_any_text_is_a_lock_or_a_clear_error(tail: str) -> None:
    for text in (tail, f"version = 1\n{tail}", lock_file.emit(LOCK) + tail):
        try:
            lock_file.parse(text)
        except LockError as error:
            assert str(error.message).startswith("slimtorch.lock is ")  # noqa: PT017  (an error is one of two outcomes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1\n", "version = 2\n", "is of format 2, which is newer than this slimtorch"),
        ("version = 1\n", "", "is damaged: it names no format version"),
        ("version = 1\n", "version = true\n", "is damaged: it names no format version"),
        ("python = ", "python ", "is damaged: not TOML"),
        ('python = "3.11"\n', "", "is damaged: there is no python"),
        ('python = "3.11"\n', "python = 3.11\n", "is damaged: python is not plain text"),
        ('python = "3.11"\n', 'python = ""\n', "is damaged: python is empty"),
        ('digest = "sha256:', 'digest = "md5:', "is damaged: config-digest is not a sha256 digest: 'md5:"),
        ('"requirements.txt" = "sha256:', '"requirements.txt" = "', "inputs: requirements.txt is not a sha256 digest"),
        ('"linux/amd64"', '"windows"', "'windows' is not a platform"),
        ('"torch-2.13.0+cpu', '"/etc/torch-2.13.0+cpu', "wheel torch: version 2.13.0+cpu cannot have the file name"),
        ('"torch-2.13.0+cpu', '"../torch-2.13.0+cpu', "cannot have the file name"),
        ('"torch-2.13.0+cpu', '"torch-2.12.0+cpu', "cannot have the file name"),
        ('"torch-2.13.0+cpu', '"evil-2.13.0+cpu', "cannot have the file name"),
        ("_x86_64.whl", "_x86_64.zip", "cannot have the file name"),
        ('"libc6_2', '"../libc6_2', "deb libc6: a package cannot have the file name '../libc6_2"),
        ('"libc6_2', '"/libc6_2', "cannot have the file name"),
        ('version = "2.36', 'version = "x/2.36', "deb libc6: name or version"),
        ("size = 190000000", "size = 0", "wheel torch: size is not a number of bytes: 0"),
        ("size = 190000000", "size = 999999999999", "wheel torch: size is not a number of bytes"),
        ("size = 190000000", 'size = "1"', "wheel torch: size is not a number of bytes"),
        (f'sha256 = "{TORCH.sha256.hex}"', 'sha256 = "abc"', "wheel torch: sha256 is not a sha256 digest: 'abc'"),
        (f'sha256 = "{TORCH.sha256.hex}"\n', "", "wheel torch: there is no sha256"),
        ('"https://example.org/numpy.whl"', '"ssh://x"', "wheel numpy: url is neither an address that can be fetched"),
        ('name = "numpy"', 'name = "torch"', "linux/amd64: wheel torch"),
        ("[[", "[", "is damaged"),
        ("[inputs]\n", "[inputs]\n[measured]\nload-seconds = -1\n[inputs2]\n", "load-seconds is not a time: -1"),
    ],
)
def test_damage_is_named(old: str, new: str, message: str) -> None:
    text = lock_file.emit(LOCK)
    assert old in text
    with pytest.raises(LockError) as caught:
        lock_file.parse(text.replace(old, new))
    assert message in caught.value.message
    assert caught.value.message.startswith("slimtorch.lock is ")
    assert caught.value.hint


def test_a_package_that_is_there_twice() -> None:
    text = lock_file.emit(LOCK)
    with pytest.raises(LockError, match="linux/amd64: wheel torch is there twice"):
        lock_file.parse(text + text[text.rindex("[[") :])


def test_writing_keeps_the_mode_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "slimtorch.lock"
    lock_file.write(path, LOCK)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    lock_file.write(path, replace(LOCK, load_seconds=1.5))
    assert path.stat().st_mode & 0o777 == 0o640
    assert lock_file.read(path).load_seconds == 1.5
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "slimtorch.lock"
    path.mkdir()
    with pytest.raises(LockError, match="cannot be written"):
        lock_file.write(path, LOCK)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(LockError, match="cannot be written"):
        lock_file.write(tmp_path / "gone" / "slimtorch.lock", LOCK)


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "there is no "), (b"\xff", "not UTF-8 text"), (b"#" * 32_000_001, "is larger than")],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes | None, message: str) -> None:
    path = tmp_path / "slimtorch.lock"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LockError, match=message) as caught:
        lock_file.read(path)
    assert "slimtorch lock" in caught.value.hint


def test_a_folder_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be read: Is a directory"):
        lock_file.read(tmp_path)


@pytest.mark.parametrize(
    ("below", "requirements", "message"),
    [
        ("", "torch\nnumpy\n", "slimtorch.lock is out of date: requirements.txt changed"),
        ("", "-r more.txt\ntorch\n", "requirements.txt changed, more.txt is new"),
        ('[os]\npackages = ["curl"]\n', "torch\n", "os changed"),
        ("", None, "requirements.txt is no longer used"),
    ],
)
def test_a_stale_lock_says_what_changed(tmp_path: Path, below: str, requirements: str | None, message: str) -> None:
    project = service(tmp_path, more__txt="numpy\n")
    lock = replace(LOCK, config_digest=config_digest(project), inputs=inputs(project))
    lock_file.check_fresh(lock, project)
    lock_file.check_fresh(lock, replace(project, service=replace(project.service, port=1)))
    top = "" if requirements else 'requirements = "more.txt"\n'
    with pytest.raises(LockError) as caught:
        lock_file.check_fresh(lock, service(tmp_path, top, below, requirements__txt=requirements or ""))
    assert message in caught.value.message
    assert caught.value.hint == "run `slimtorch lock`"
    with pytest.raises(LockError, match="the configuration changed"):
        lock_file.check_fresh(replace(lock, config_digest=from_hex("0" * 64), inputs={}), project)


def test_a_platform_that_was_not_locked(tmp_path: Path) -> None:
    project = service(tmp_path, 'platforms = ["linux/arm64"]\n')
    lock = replace(LOCK, config_digest=config_digest(project), inputs=inputs(project))
    with pytest.raises(LockError, match="it has nothing for linux/arm64"):
        lock_file.check_fresh(lock, project)
