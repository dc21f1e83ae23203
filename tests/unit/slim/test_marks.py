"""What a slimmed image says of itself: the same on every machine, and nothing about GPUs where all code is there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slimtorch.image.renew import renewed
from slimtorch.image.tree import FileTree, Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.project.model import Slim
from slimtorch.slim import marks, renewal
from slimtorch.slim.model import Ledger, Note, Pass, Policy, Saving
from slimtorch.tables.gpus import Gpu, find
from tests.support.images import make_image, make_tree

OWNERS = ("wheel:torch==2.14.1", "wheel:nvidia-cuda-runtime==13.0.96", "deb:libc6=2.36")


def gpus(*names: str) -> tuple[Gpu, ...]:
    return tuple(gpu for name in names if (gpu := find(name)))


def ledger(*passes: Pass) -> Ledger:
    return Ledger("safe", (), 10, 5, tuple(Saving(one, "a.so", "", 10, 5, "why") for one in passes))


def test_gpus_are_named_only_where_code_for_others_went() -> None:
    policy = Policy(Slim(), gpus("h100", "l4"))
    plain = marks.of(ledger(Pass.SYMBOLS), policy, OWNERS)
    assert set(plain.labels) == {marks.SLIM, marks.LEDGER}
    assert not plain.env
    assert not plain.arguments
    pruned = marks.of(ledger(Pass.DEVICE_CODE), policy, OWNERS)
    assert pruned.labels[marks.GPUS] == "8.9,9.0"
    assert pruned.labels[marks.DRIVER].startswith("580")
    assert dict(pruned.env) == {"NVIDIA_REQUIRE_ARCH": "arch=8.9 arch=9.0"}
    assert pruned.arguments[:2] == ("--gpu", "9.0=h100")


def test_newer_gpus_are_let_in_where_ptx_was_kept_for_them() -> None:
    found = marks.of(ledger(Pass.DEVICE_CODE), Policy(Slim(keep_ptx="newest"), gpus("h100")), OWNERS)
    assert dict(found.env) == {"NVIDIA_REQUIRE_ARCH": "arch=9.0 arch>9.0"}
    assert "--ptx" in found.arguments


def test_the_stand_ins_are_named() -> None:
    found = marks.of(ledger(Pass.STUBS), Policy(Slim(stubs=("nccl", "cufft"))), OWNERS)
    assert found.labels[marks.STUBS] == "nccl,cufft"


def test_nothing_done_has_no_ledger() -> None:
    assert marks.of(ledger(), Policy(Slim()), OWNERS).labels == {marks.SLIM: "safe"}
    assert marks.unslimmed().labels == {marks.SLIM: "none"}
    assert marks.unslimmed("a\nproof   failed " + "x" * 999).labels[marks.REASON].startswith("a proof failed xxx")


def test_what_a_machine_could_prove_does_not_change_the_fingerprint() -> None:
    one = ledger(Pass.SYMBOLS)
    proven = replace(one, savings=(replace(one.savings[0], proof=("loads",)),), notes=(Note("", "run in runc"),))
    assert marks.fingerprint(one) == marks.fingerprint(proven)
    assert marks.fingerprint(one) != marks.fingerprint(replace(one, after=6))


IMAGE = make_image({"usr/bin/python3.11": b"", "usr/bin/x": b"1"})
FOLDERS = {path: Node(Kind.DIRECTORY, 0o755) for path in ("usr", "usr/bin")}
FILES = Files({**FOLDERS, "usr/bin/python3": Node(Kind.FILE, 0o755)})
PRUNED = marks.of(ledger(Pass.DEVICE_CODE), Policy(Slim(), gpus("h100")), OWNERS)


def test_the_check_stands_before_the_images_own_command_once() -> None:
    new = renewal.renewal(IMAGE, PRUNED, FILES)
    assert new.entrypoint == (
        "/usr/bin/python3",
        "-I",
        "-S",
        "/usr/lib/slimtorch/start.py",
        "--gpu",
        "9.0=h100",
        "--",
    )
    once = renewed(IMAGE, IMAGE.layers, new)
    assert renewal.renewal(once, PRUNED, FILES).entrypoint == new.entrypoint


@pytest.mark.parametrize("own", [("/entry.sh",), ("--", "odd")])
def test_an_own_entrypoint_follows(own: tuple[str, ...]) -> None:
    image = renewed(IMAGE, IMAGE.layers, replace(renewal.Renewal(), entrypoint=own))
    first = renewal.renewal(image, PRUNED, FILES)
    assert first.entrypoint[-1 - len(own) :] == ("--", *own)
    again = renewal.renewal(renewed(image, image.layers, first), PRUNED, FILES)
    assert again.entrypoint == first.entrypoint


def test_the_script_is_added_once() -> None:
    new = renewal.renewal(IMAGE, PRUNED, FILES)
    tree = make_tree({"usr/bin/x": b""})
    scripts = renewal.added(new, tree)
    assert sorted(scripts) == ["usr/lib", "usr/lib/slimtorch", "usr/lib/slimtorch/start.py"]
    assert not renewal.added(new, FileTree([*tree.entries(), *scripts.entries()]))
    assert not renewal.added(renewal.renewal(IMAGE, marks.unslimmed(), FILES), tree)


def test_a_health_check_of_ours_is_told_and_others_are_left_alone() -> None:
    probe = ("CMD", "/usr/bin/python3.11", "-I", "-S", "/usr/lib/slimtorch/health.py", "--port", "80")
    for own, wanted in ((probe, (*probe, *PRUNED.arguments)), (("CMD-SHELL", "curl x"), ())):
        settings = {**IMAGE.settings, "config": {**IMAGE.settings["config"], "Healthcheck": {"Test": list(own)}}}
        image = replace(IMAGE, config=json.dumps(settings).encode())
        assert renewal.renewal(image, PRUNED, FILES).health == wanted
        told = renewed(image, image.layers, renewal.renewal(image, PRUNED, FILES))
        assert renewal.renewal(told, PRUNED, FILES).health == wanted
