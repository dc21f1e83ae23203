"""No address, path or password of where packages came from, and no path of this machine, ends up in what is made."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from slimtorch.image import reference
from slimtorch.stores import read
from tests.support.http import Asked, Reply, Served, serve
from tests.support.index import make_index
from tests.support.layers import unpacked
from tests.support.machines import make_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.shop import Shop

USER, PASSWORD = "marzipan", "quokka-77"
TOKEN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PYTHON_PATH, DEBIAN_PATH = "/zanzibar-wheels", "/tanganyika-debs"


@contextmanager
def mirror(wheels: Path, debian: Path) -> Iterator[Served]:
    """A Python index and a package archive on one server; both ask for the password."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Basic {TOKEN}":
            return Reply(401, headers={"WWW-Authenticate": 'Basic realm="mirror"'})
        for prefix, folder in ((PYTHON_PATH, wheels), (DEBIAN_PATH, debian)):
            path = folder / unquote(asked.path).removeprefix(f"{prefix}/")
            if asked.path.startswith(prefix) and path.is_dir():
                path = path / "index.html"
            if asked.path.startswith(prefix) and path.is_file():
                kind = "text/html" if path.suffix == ".html" else "application/octet-stream"
                return Reply(body=path.read_bytes(), headers={"Content-Type": kind})
        return Reply(404)

    with serve(answer) as served:
        yield served


def everything(references: list[str], shop: Shop, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """What leaves the machine, and what is committed, by name: unpacked layers, configuration, manifest, lock."""
    yield "the lock", (shop.project / "slimtorch.lock").read_bytes()
    for text in references:
        image = read(reference.parse(text), make_machine(tmp_path))
        yield f"the manifest of {text}", image.manifest
        yield f"the configuration of {text}", image.config
        for layer in image.layers:
            yield f"the layer {layer.name} of {text}", unpacked(layer)
    for path in (tmp_path / "out").rglob("*.json"):
        yield str(path), path.read_bytes()
    yield "the archive", (tmp_path / "out/image.tar").read_bytes()


def test_neither_the_lock_nor_the_image_names_a_mirror(shop: Shop, tmp_path: Path) -> None:
    index = make_index(tmp_path / "index", sorted(shop.stock.wheels.glob("*.whl")))
    debian = Path(shop.stock.mirror.removeprefix("copy:"))
    with mirror(index.parent, debian) as served:
        place = served.url.removeprefix("http://")
        address = f"http://{USER}:{PASSWORD}@{place}"
        env = {name: value for name, value in shop.env.items() if name not in {"PIP_NO_INDEX", "PIP_FIND_LINKS"}}
        env |= {"PIP_INDEX_URL": f"{address}{PYTHON_PATH}/simple", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        client = replace(shop, env=env).with_cache(tmp_path / "cache", empty=True)
        (client.project / "slimtorch.lock").unlink()
        outputs = ["-o", f"oci:{tmp_path}/out/layout", "-o", f"archive:{tmp_path}/out/image.tar"]
        done = client("build", "--apt-mirror", f"{address}{DEBIAN_PATH}", *outputs).ok()
        asked = {one.path for one in served.asked}
        assert any(path.endswith(".whl") for path in asked)
        assert any(path.endswith(".deb") for path in asked)
    places = (str(tmp_path), str(shop.stock.root), str(Path(__file__).parents[2]))
    needles = (place, PYTHON_PATH[1:], DEBIAN_PATH[1:], USER, PASSWORD, TOKEN, *places)
    for name, data in everything(done.references, client, tmp_path):
        assert [word for word in needles if word.encode() in data] == [], name
    for word in (USER, PASSWORD, TOKEN):
        assert word not in done.out + done.err
    assert client.project.joinpath("slimtorch.lock").read_text() == shop.stock.root.joinpath(
        "project/slimtorch.lock"
    ).read_text().replace('index = "find-links-1"', 'index = "default"')
