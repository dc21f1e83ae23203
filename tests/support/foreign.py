"""Images as other tools write them: keys that we do not know, no names on layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slimtorch.image.digest import of_bytes
from slimtorch.image.layer import Descriptor
from slimtorch.image.model import CONFIG, MANIFEST, Image
from slimtorch.image.tree import FileTree, Kind
from tests.support.images import make_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slimtorch.image.codec import Codec
    from slimtorch.image.layer import Layer
    from slimtorch.image.tree import Entry


def image_of(layers: Sequence[Layer], settings: Mapping[str, Any]) -> Image:
    """The image with these layers; `settings` are the configuration but for what the layers decide."""
    config = {
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "theirs": {"kept": True},
        **settings,
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [{"comment": f"layer {number}"} for number, _ in enumerate(layers)],
    }
    data = json.dumps(config, indent=1).encode()
    manifest = {
        "layers": [{**layer.blob.to_json()} for layer in layers],
        "config": Descriptor(CONFIG, of_bytes(data), len(data)).to_json(),
        "mediaType": MANIFEST,
        "schemaVersion": 2,
    }
    return Image(json.dumps(manifest, indent=1).encode(), data, tuple(layers))


def layers_of(tree: FileTree, names: Sequence[str], name: Callable[[Entry], str], codec: Codec) -> list[Layer]:
    """The tree in layers without names, in the order of `names`; its folders stand where they are needed."""
    parts = tree.partition(name)
    empty = {path for path, entry in tree.items() if entry.kind is Kind.DIRECTORY} - {
        path.rpartition("/")[0] for path in tree
    }
    found = []
    for one in names:
        part = FileTree(e for e in parts[one].entries() if e.kind is not Kind.DIRECTORY or e.path in empty)
        above = {parent: tree[parent] for path in part for parent in _above(path) if parent in tree}
        found.append(make_layer(FileTree([*above.values(), *part.entries()]), name="", codec=codec))
    return found


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]
