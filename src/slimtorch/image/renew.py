"""An image with other layers, labels or environment; whatever else its manifest and configuration say stays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ImageError
from slimtorch.image.digest import of_bytes
from slimtorch.image.model import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.image.layer import Layer


@dataclass(frozen=True, slots=True)
class Renewal:
    """What changes besides the layers: labels and variables are added, `entrypoint` and `health` replaced where given.

    `health` is the whole ``Test`` of an image that has a health check; `said` is the line of its history that tells
    what was done.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    said: str = "slimtorch"


def renewed(image: Image, layers: Sequence[Layer], renewal: Renewal) -> Image:
    """The image with `layers` (as many as it has, or more on top). Keys that nobody knows stay, and so does the date.

    Raises:
        ImageError: its configuration is not an image's.
    """
    config = _config(image.settings, layers, len(layers) - len(image.layers), renewal)
    data = _encoded(config)
    manifest: dict[str, Any] = json.loads(image.manifest)
    manifest["config"] = {**_kept(manifest.get("config")), "digest": str(of_bytes(data)), "size": len(data)}
    old = manifest.get("layers") or []
    manifest["layers"] = [
        old[number] if number < len(image.layers) and layer is image.layers[number] else layer.blob.to_json()
        for number, layer in enumerate(layers)
    ]
    return Image(_encoded(manifest), data, tuple(layers), image.media_type)


def _encoded(value: object) -> bytes:
    """In the order in which the keys were: who sorted them finds them sorted."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _kept(value: object) -> dict[str, Any]:
    # A copy of the bytes inside the descriptor (image-spec, descriptor.md: data) would be the old ones.
    return {key: text for key, text in value.items() if key != "data"} if isinstance(value, dict) else {}


def _config(settings: dict[str, Any], layers: Sequence[Layer], added: int, renewal: Renewal) -> dict[str, Any]:
    inner = settings.get("config") or {}
    rootfs = settings.get("rootfs")
    if not isinstance(inner, dict) or not isinstance(rootfs, dict):
        raise ImageError("the image's configuration has no config or no rootfs")
    new = {
        **settings,
        "config": _inner(inner, renewal),
        "rootfs": {**rootfs, "diff_ids": [str(layer.diff_id) for layer in layers]},
    }
    history = settings.get("history")
    if isinstance(history, list):
        line = {"created_by": renewal.said} | ({"created": settings["created"]} if "created" in settings else {})
        empty = [] if added else [dict(sorted({**line, "empty_layer": True}.items()))]
        new["history"] = [*history, *[dict(sorted(line.items()))] * added, *empty]
    return new


def _inner(inner: dict[str, Any], renewal: Renewal) -> dict[str, Any]:
    new = dict(inner)
    if renewal.labels:
        new["Labels"] = dict(sorted({**(inner.get("Labels") or {}), **renewal.labels}.items()))
    if renewal.env:
        kept = [row for row in inner.get("Env") or [] if str(row).partition("=")[0] not in renewal.env]
        new["Env"] = [*kept, *(f"{name}={text}" for name, text in renewal.env.items())]
    if renewal.entrypoint:
        new["Entrypoint"] = list(renewal.entrypoint)
    check = inner.get("Healthcheck")
    if renewal.health and isinstance(check, dict):
        new["Healthcheck"] = {**check, "Test": list(renewal.health)}
    return new
