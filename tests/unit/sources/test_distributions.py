"""What wheels bring, read from the cache, from this machine and in parts from a server."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ArchiveError, VerificationError
from slimtorch.host.cache import Cache
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.inventory.distributions import EntryPoint
from slimtorch.project.model import Requirements
from slimtorch.sources import distributions, downloads
from slimtorch.sources.indexes import Overrides, configured
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target
from tests.support.http import Asked, Reply, Served, ranged, serve
from tests.support.index import make_index
from tests.support.wheels import Lies, locked, make_wheel, member

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.lock import LockedWheel

POINTS = "[console_scripts]\nrun = demo.cli:main [x]\n\n[demo.plugins]\nOne: two = demo:Plugin\n"
BULK = os.urandom(400_000)


class Place:
    """A project whose wheels lie on a server, with a cache of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root / "project", root / "made"
        self.root.mkdir()
        (root / "empty").mkdir()
        self.cache, self.progress = Cache(root / "cache"), Silent()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "PIP_INDEX_URL": (root / "empty").as_uri(),
        }

    def wheel(self, name: str = "demo", **options: object) -> Path:
        files = {f"{name}/__init__.py": "", f"{name}/bulk.bin": BULK, "INFO/entry_points.txt": POINTS}
        return make_wheel(self.made, name, **{"files": files, **options})  # type: ignore[arg-type]

    def answer(self, asked: Asked) -> Reply:
        """As a server with parts."""
        file = self.made / asked.path.rpartition("/")[2]
        if not file.is_file():
            return Reply(404)
        return ranged(asked, file.read_bytes()) if "range" in asked.headers else Reply(body=file.read_bytes())

    def seen(self, url: str, wheels: Sequence[LockedWheel]) -> None:
        located = {str(wheel.sha256): f"{url}/{wheel.filename}" for wheel in wheels}
        downloads.remember(Resolution((), (), located), self.cache)

    def of(self, *wheels: LockedWheel, overrides: Overrides | None = None) -> dict[str, Distribution]:
        indexes = configured(self.environ, self.root, overrides=overrides)
        settings = replace(indexes.settings, tries=2)
        tools = Tools(run, HttpFetch(settings, sleep=lambda _: None), self.environ)
        request = Request(Requirements(inline=("demo",)), Target("3.11"), indexes, self.root)
        return distributions.of(wheels, request, tools, self.cache, self.progress)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def asked_bytes(server: Served) -> int:
    total = 0
    for asked in server.asked:
        first, _, last = asked.headers["range"].removeprefix("bytes=").partition("-")
        total += int(last) - int(first) + 1
    return total


def test_a_wheel_is_read_in_parts_and_only_once(place: Place) -> None:
    path = place.wheel(requires=["torch>=2 ; extra == 'gpu'", "numpy"])
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    wheel = locked(path)
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        found = place.of(wheel)["demo"]
        asked = len(server.asked)
        assert asked_bytes(server) <= 1 << 16
        assert place.of(wheel)["demo"] == found
        assert len(server.asked) == asked
    assert found.modules == {"demo"}
    assert found.requires == ("torch>=2 ; extra == 'gpu'", "numpy")
    assert found.entry_points == (
        EntryPoint("console_scripts", "run", "demo.cli:main [x]"),
        EntryPoint("demo.plugins", "One: two", "demo:Plugin"),
    )
    assert (found.packed, found.unpacked, found.assumed) == (path.stat().st_size, unpacked, False)
    assert place.cache.blob(wheel.sha256) is None
    assert place.progress.notes == []


def test_metadata_far_from_the_directory_and_a_long_directory_are_found(place: Place) -> None:
    files = {f"demo/m{n:05}_with_a_rather_long_name_to_fill_the_directory.py": "" for n in range(2000)}
    path = place.wheel(files={"demo/__init__.py": "", **files, "INFO/licenses/z.bin": BULK})
    # Not as PEP 427 recommends it: the metadata first, the bulk behind it.
    shuffled = place.made / "order.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(shuffled, "w", zipfile.ZIP_DEFLATED) as new:
        for info in sorted(old.infolist(), key=lambda info: (not info.filename.endswith("METADATA"), info.filename)):
            new.writestr(info, old.read(info))
        new.comment = b"x" * 60_000
    shuffled.rename(path)
    wheel = locked(path)
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        found = place.of(wheel)["demo"]
        assert asked_bytes(server) < path.stat().st_size
        assert len(server.asked) <= 4
    assert len(found.modules) == 2001


def test_the_directory_of_a_zip64_archive_is_understood(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    path = place.wheel()
    monkeypatch.undo()
    assert b"PK\x06\x06" in path.read_bytes()
    wheel = locked(path)
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        assert place.of(wheel)["demo"].modules == {"demo"}


def test_a_blob_of_the_cache_is_read_first(place: Place) -> None:
    path = place.wheel()
    wheel = locked(path)
    place.cache.add_file(path, wheel.sha256, what="demo")
    assert place.of(wheel)["demo"].modules == {"demo"}


def test_what_was_read_unverified_is_read_again_from_the_verified_file(place: Place) -> None:
    path = place.wheel()
    wheel = locked(path)
    lie = make_wheel(place.root.parent / "other", files={"other.py": "", "demo/bulk.bin": BULK})
    # A server may lie as long as nobody has the bytes; a comment makes both files of one size.
    with zipfile.ZipFile(lie, "a") as archive:
        archive.comment = b" " * (wheel.size - lie.stat().st_size)
    assert lie.stat().st_size == wheel.size
    with serve(lambda asked: ranged(asked, lie.read_bytes())) as server:
        place.seen(server.url, [wheel])
        assert place.of(wheel)["demo"].modules == {"other"}
    place.cache.add_file(path, wheel.sha256, what="demo")
    assert place.of(wheel)["demo"].modules == {"demo"}


def test_a_find_links_folder_is_read_without_the_network(place: Place) -> None:
    wheel = locked(place.wheel())
    found = place.of(wheel, overrides=Overrides(find_links=(str(place.made),), offline=True))
    assert found["demo"].modules == {"demo"}
    assert place.cache.blob(wheel.sha256) is None


def test_a_wheel_that_nobody_has_seen_is_searched_on_the_sources(place: Place) -> None:
    wheel = locked(place.wheel(files={"demo.py": ""}))
    index = make_index(place.root.parent / "index", [place.made / wheel.filename])
    found = place.of(wheel, overrides=Overrides(index_url=index.as_uri()))
    assert found["demo"].modules == {"demo"}


def test_a_file_that_has_gone_is_searched(place: Place) -> None:
    wheel = locked(place.wheel())
    index = make_index(place.root.parent / "index", [place.made / wheel.filename])
    with serve(lambda _: Reply(404)) as server:
        place.seen(server.url, [wheel])
        found = place.of(wheel, overrides=Overrides(index_url=index.as_uri()))
    assert not found["demo"].assumed


def test_a_small_wheel_of_a_server_without_parts_goes_to_the_cache(place: Place) -> None:
    wheel = locked(place.wheel())
    with serve(lambda _: Reply(body=(place.made / wheel.filename).read_bytes())) as server:
        place.seen(server.url, [wheel])
        assert place.of(wheel)["demo"].modules == {"demo"}
    assert place.cache.blob(wheel.sha256) is not None


def test_a_large_wheel_of_a_server_without_parts_is_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = locked(place.wheel())
    monkeypatch.setattr(distributions, "SMALL", 1000)
    with serve(lambda _: Reply(body=(place.made / wheel.filename).read_bytes())) as server:
        place.seen(server.url, [wheel])
        assert place.of(wheel)["demo"].assumed
    assert place.cache.blob(wheel.sha256) is None


def test_offline_everything_is_assumed_and_said_once(place: Place) -> None:
    wheels = [locked(place.wheel(name)) for name in ("pyyaml", "google-cloud-storage", "own-thing")]
    with serve(place.answer) as server:
        place.seen(server.url, wheels)
        found = place.of(*wheels, overrides=Overrides(offline=True))
        assert server.asked == []
    assert all(item.assumed for item in found.values())
    assert found["pyyaml"].modules == {"yaml"}
    assert found["google-cloud-storage"].modules == {"google", "google.cloud", "google.cloud.storage"}
    assert found["google-cloud-storage"].namespaces == {"google", "google.cloud"}
    assert "own_thing" in found["own-thing"].modules
    assert found["pyyaml"].packed == wheels[0].size
    (note,) = place.progress.notes
    assert note.startswith("3 wheels could not be read")
    with serve(place.answer) as server:
        place.seen(server.url, wheels)
        assert not any(item.assumed for item in place.of(*wheels).values())


def test_a_file_of_another_size_is_refused(place: Place) -> None:
    wheel = replace(locked(place.wheel()), size=1_000)
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        with pytest.raises(VerificationError, match="not what was locked"):
            place.of(wheel)


def _no_zip(folder: Path) -> Path:
    path = folder / "demo-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    path.write_bytes(os.urandom(5000))
    return path


def _cut(folder: Path) -> Path:
    path = make_wheel(folder)
    path.write_bytes(path.read_bytes()[:-30])
    return path


def _huge_directory(folder: Path) -> Path:
    """An end that promises a directory as long as the file is (APPNOTE 4.3.16: size at 12, offset at 16)."""
    path = make_wheel(folder)
    data = bytearray(b"\0" * 40_000_000 + path.read_bytes()[-22:])
    data[-10:-2] = (len(data) - 22).to_bytes(4, "little") + (0).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def _bomb(folder: Path) -> Path:
    return make_wheel(folder, files={"a.bin": b"\0" * 200_000_000})


def _large_metadata(folder: Path) -> Path:
    text = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n" + "".join(f"{n}\n" for n in range(2_000_000))
    return make_wheel(folder, lies=Lies(metadata=text))


def _bad_points(folder: Path) -> Path:
    return make_wheel(folder, files={"a.py": "", "INFO/entry_points.txt": "no section here\n"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_no_zip, "not a zip archive"),
        (_cut, "not a zip archive"),
        (_huge_directory, "too large to be true|not a zip archive"),
        (_bomb, "bomb"),
        (_large_metadata, "METADATA is too large"),
        (_bad_points, "entry_points.txt cannot be understood"),
        (lambda f: make_wheel(f, lies=Lies(metadata="Name: other\nVersion: 1.0\n")), "says that it is other"),
        (lambda f: make_wheel(f, lies=Lies(raw=[(member("../x.py"), b"")])), "could leave"),
        (lambda f: make_wheel(f, lies=Lies(raw=[(member("l", mode=0o120777), b"/etc")])), "link"),
        (lambda f: make_wheel(f, lies=Lies(raw=[(member("b-1.dist-info/METADATA"), b"")])), "2 .dist-info"),
    ],
)
@pytest.mark.parametrize("remote", [False, True])
def test_hostile_wheels_are_refused(place: Place, make: Callable[[Path], Path], says: str, remote: bool) -> None:  # noqa: FBT001
    path = make(place.made)
    wheel = locked(path)
    if not remote:
        place.cache.add_file(path, wheel.sha256, what="demo")
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        with pytest.raises(ArchiveError, match=says) as caught:
            place.of(wheel)
    assert wheel.filename in caught.value.message


def test_a_damaged_record_is_read_again(place: Place) -> None:
    path = place.wheel()
    wheel = locked(path)
    place.cache.add_file(path, wheel.sha256, what="demo")
    for record in ({"format": 1, "whole": True}, {"format": 0}, {"format": 1, "whole": True, "modules": 5}):
        place.cache.put_record("distribution", wheel.sha256, record)
        assert place.of(wheel)["demo"].modules == {"demo"}


def test_no_record_says_where_a_wheel_was(place: Place) -> None:
    wheel = locked(place.wheel())
    with serve(place.answer) as server:
        place.seen(server.url, [wheel])
        place.of(wheel)
    record = place.cache.record("distribution", wheel.sha256)
    assert record is not None
    assert "://" not in repr(record)
