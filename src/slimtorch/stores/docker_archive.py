"""Archives by ``docker save`` before version 25 (docker's image specification, v1.2): ``manifest.json`` and layer tars.

They hold no manifest of the OCI kind, so one is made; its digest is ours alone.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from slimtorch.errors import ImageError
from slimtorch.image.blob import verified
from slimtorch.image.digest import canonical_json, of_bytes, of_stream
from slimtorch.image.inflate import sniff
from slimtorch.image.layer import LAYER_GZIP, LAYER_TAR, LAYER_ZSTD, Descriptor, Layer
from slimtorch.image.model import CONFIG, MANIFEST, Image
from slimtorch.stores import index

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.image.digest import Digest
    from slimtorch.stores.members import Members

_MEDIA_TYPES = {"": LAYER_TAR, "gzip": LAYER_GZIP, "zstd": LAYER_ZSTD}


def image(members: Members, what: str, name: str = "") -> Image:
    """The image called `name` (may be empty where there is only one).

    Raises:
        ImageError: there is none, or more than one, or it is incomplete.
    """
    record = _chosen(_records(members, what), what, name)
    config_name, names = record.get("Config"), record.get("Layers")
    if not isinstance(config_name, str) or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ImageError(f"the manifest.json of {what} names no configuration or layers")
    config = members.small(config_name)
    diff_ids = index.diff_ids(index.decode(config, f"the configuration of {what}"), what)
    if len(diff_ids) != len(names):
        raise ImageError(f"{what}: the manifest's layers and the configuration's diff_ids do not agree")
    layers = [_layer(members, name, diff_id, what) for name, diff_id in zip(names, diff_ids, strict=True)]
    return Image(_manifest(config, layers), config, tuple(layers))


def _records(members: Members, what: str) -> list[dict[str, Any]]:
    try:
        records = json.loads(members.small("manifest.json"))
    except (ValueError, RecursionError):
        records = None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records) or not records:
        raise ImageError(f"the manifest.json of {what} lists no images")
    return records


def _chosen(records: list[dict[str, Any]], what: str, name: str) -> dict[str, Any]:
    found = [record for record in records if not name or name in _tags(record)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(tag for record in records for tag in _tags(record))) or "none with a name"
    problem = "several images" if found else f"no image {name!r}"
    raise ImageError(f"{what} holds {problem}", hint=f"it holds {names}")


def _tags(record: dict[str, Any]) -> list[str]:
    tags = record.get("RepoTags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _layer(members: Members, name: str, diff_id: Digest, what: str) -> Layer:
    opener = members.opener(name)
    with opener() as stream:
        compression = sniff(stream.read(4))
    # An uncompressed layer's digest is its diff_id; it is verified when the layer is read.
    digest = diff_id
    if compression:
        with opener() as stream:
            digest, _ = of_stream(stream)
    blob = Descriptor(_MEDIA_TYPES[compression], digest, members.size(name))
    return Layer(diff_id, blob, partial(_verified, opener, blob, f"layer {name} of {what}"))


def _verified(opener: Callable[[], BinaryIO], blob: Descriptor, what: str) -> BinaryIO:
    return verified(opener(), blob, what)


def _manifest(config: bytes, layers: list[Layer]) -> bytes:
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": Descriptor(CONFIG, of_bytes(config), len(config)).to_json(),
            "layers": [layer.blob.to_json() for layer in layers],
        }
    )
