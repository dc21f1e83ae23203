"""An image with other layers: what nobody knows of it stays, and so does everything that was not to change."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from slimtorch.errors import ImageError
from slimtorch.image.digest import of_bytes
from slimtorch.image.model import DOCKER_MANIFEST, Image
from slimtorch.image.renew import Renewal, renewed
from slimtorch.image.validate import validate
from tests.support.images import make_image, make_layer, make_tree

LAYER = make_layer(make_tree({"new": b"1"}), name="new")
FOREIGN: dict[str, Any] = {
    "zzz": {"theirs": 1},
    "architecture": "amd64",
    "os": "linux",
    "created": "2024-05-06T07:08:09.123456789Z",
    "author": "somebody",
    "config": {
        "Env": ["A=1", "PATH=/bin"],
        "Cmd": ["python", "serve.py"],
        "Labels": {"theirs": "é"},
        "OnBuild": ["RUN x"],
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1},
    },
}


def foreign() -> Image:
    """An image as another tool would write it, with keys that we do not know."""
    image = make_image({"a": b"1"}, {"b": b"2"})
    made = json.loads(image.config)
    config = {**FOREIGN, "rootfs": made["rootfs"], "history": [{"comment": "one"}, {"empty_layer": True}, {}]}
    data = json.dumps(config, ensure_ascii=False).encode()
    manifest = json.loads(image.manifest)
    manifest["config"] = {
        "mediaType": "application/vnd.docker.container.image.v1+json", "digest": of_bytes(data), "size": len(data),
        "data": "b2xk",
    }  # fmt: skip
    manifest["mediaType"] = DOCKER_MANIFEST
    manifest["theirs"] = ["kept"]
    manifest["layers"][0]["urls"] = ["kept"]
    return Image(json.dumps(manifest).encode(), data, image.layers, DOCKER_MANIFEST)


def test_unknown_keys_stay_and_the_result_is_valid() -> None:
    image = foreign()
    new = renewed(image, [image.layers[0], LAYER], Renewal({"mine": "1"}, {"A": "2", "B": "3"}, said="slimmed"))
    config, manifest = json.loads(new.config), json.loads(new.manifest)
    assert config["zzz"] == {"theirs": 1}
    assert config["created"] == FOREIGN["created"]
    assert config["config"]["OnBuild"] == ["RUN x"]
    assert config["config"]["Labels"] == {"theirs": "é", "mine": "1"}
    assert config["config"]["Env"] == ["PATH=/bin", "A=2", "B=3"]
    assert config["config"]["Healthcheck"] == FOREIGN["config"]["Healthcheck"]
    assert "Entrypoint" not in config["config"]
    assert config["history"][-1] == {"created": FOREIGN["created"], "created_by": "slimmed", "empty_layer": True}
    assert manifest["theirs"] == ["kept"]
    assert manifest["layers"][0]["urls"] == ["kept"]
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert "data" not in manifest["config"]
    plain = replace(new, manifest=json.dumps({**manifest, "layers": [x.blob.to_json() for x in new.layers]}).encode())
    assert validate(plain) == []


def test_a_layer_on_top_has_its_line_in_the_history() -> None:
    image = make_image({"a": b"1"})
    new = renewed(
        image, [*image.layers, LAYER], Renewal(said="slimmed", entrypoint=("start", "--"), health=("CMD", "y"))
    )
    assert validate(new) == []
    assert json.loads(new.config)["history"][-1]["created_by"] == "slimmed"
    assert json.loads(new.config)["config"]["Entrypoint"] == ["start", "--"]
    assert "Healthcheck" not in json.loads(new.config)["config"]


def test_equal_input_gives_equal_bytes() -> None:
    one, two = foreign(), foreign()
    assert renewed(one, one.layers, Renewal({"a": "b"})) == renewed(two, two.layers, Renewal({"a": "b"}))


def test_a_configuration_that_is_none_is_refused() -> None:
    image = replace(make_image({"a": b"1"}), config=b'{"config":[1],"rootfs":{}}')
    with pytest.raises(ImageError, match="no config"):
        renewed(image, image.layers, Renewal())
