from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.image.codec import GZIP, NONE, ZSTD, Codec
from slimtorch.image.digest import canonical_json, of_bytes
from slimtorch.image.layer import LAYER_ZSTD
from slimtorch.image.validate import validate
from tests.support.images import make_image, make_layer, make_tree

if TYPE_CHECKING:
    from slimtorch.image.layer import Layer
    from slimtorch.image.model import Image

GOOD = make_image({"a/x": b"1"}, {"b": b"2" * 10_000})


@pytest.mark.parametrize("kind", [GZIP, ZSTD, NONE], ids=lambda kind: kind.name)
def test_good_images_have_no_problems(kind: Codec) -> None:
    assert validate(make_image({"a/x": b"1"}, {"a/.wh.x": b""}, codec=kind)) == []


def changed(**values: Any) -> Image:
    return replace(GOOD, manifest=canonical_json({**json.loads(GOOD.manifest), **values}))


def configured(**values: Any) -> Image:
    """The image with another configuration, which its manifest names."""
    config = canonical_json({**GOOD.settings, **values})
    manifest = json.loads(GOOD.manifest)
    manifest["config"] |= {"digest": of_bytes(config), "size": len(config)}
    return replace(GOOD, config=config, manifest=canonical_json(manifest))


def with_layer(layer: Layer) -> Image:
    return replace(GOOD, layers=(layer, *GOOD.layers[1:]))


LAYER = GOOD.layers[0]
OTHER = make_layer(make_tree({"other": b""}))


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (replace(GOOD, manifest=b"["), "the manifest is not JSON"),
        (replace(GOOD, config=b"[]"), "the configuration is not a JSON object"),
        (replace(GOOD, config=GOOD.config + b" "), "the manifest names another configuration"),
        (changed(schemaVersion=1), "schemaVersion"),
        (changed(mediaType="text/plain"), "the manifest's media type"),
        (changed(config={"mediaType": "text/plain"}), "the configuration's media type"),
        (changed(layers=[]), "the manifest's layers are not the image's"),
        (configured(history=[]), "history does not agree"),
        (configured(rootfs={"type": "layers", "diff_ids": []}), "diff_ids are not the layers'"),
        (configured(rootfs={}), "not of the type 'layers'"),
        (configured(architecture=None), "has no architecture"),
        (with_layer(replace(LAYER, diff_id=OTHER.diff_id)), "but its diff_id is"),
        (with_layer(replace(LAYER, open=OTHER.open)), "than promised"),
        (with_layer(replace(LAYER, open=lambda: io.BytesIO(b"\x1f\x8b\x08"))), "bytes shorter than promised"),
        (with_layer(replace(LAYER, blob=replace(LAYER.blob, media_type=LAYER_ZSTD))), "is compressed with gzip"),
        (with_layer(replace(LAYER, blob=replace(LAYER.blob, media_type="x+gzip"))), "has the media type"),
    ],
)
def test_each_broken_invariant_is_found(image: Image, problem: str) -> None:
    assert any(problem in found for found in validate(image)), validate(image)
