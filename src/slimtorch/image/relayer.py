"""A changed tree → what changes in which layer. Layers in which nothing changes stay as they are, byte for byte.

A file that goes is left out of the layer that brought it; older copies of it, which would come to light, go from
layers that change anyway and are hidden by a whiteout (OCI image-spec, layer.md) where their layer stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.errors import ProofError
from slimtorch.image.flatten import WHITEOUT
from slimtorch.image.opened import traced
from slimtorch.image.tree import FileTree, small_file

if TYPE_CHECKING:
    from slimtorch.image.opened import Opened, Traced
    from slimtorch.image.tree import Entry

Changes = Mapping[int, "Entry | None"]
"""What becomes of a layer's members, by their number: another entry in its place, or nothing."""


def changes(layers: Sequence[Opened], before: Traced, wanted: FileTree) -> list[Changes]:
    """What has to change in each layer so that a container sees `wanted`, which holds no path that `before` lacks.

    Raises:
        ProofError: it cannot be done by changing what is there.
    """
    found = _direct(layers, before, wanted)
    for _ in range(len(layers) + 2):
        shown = result(layers, found)
        if not (extra := shown.tree.keys() - wanted.keys()):
            break
        _hide(extra, layers, (before, shown), found)
    check(result(layers, found).tree, wanted)
    return list(found)


def result(layers: Sequence[Opened], found: Sequence[Changes]) -> Traced:
    """What a container sees of the changed layers."""
    return traced([_entries(layer, changed) for layer, changed in zip(layers, found, strict=True)])


def check(shown: FileTree, wanted: FileTree) -> None:
    """Both are the same file system, whoever brought what.

    Raises:
        ProofError: they differ; the first difference is named.
    """
    for path in sorted(shown.keys() | wanted.keys()):
        one, other = shown.get(path), wanted.get(path)
        if one is None or other is None or not one.same_thing(other):
            raise ProofError(
                f"the rewritten layers do not give the slimmed file system: /{path} differs",
                [("layers", path, "differs")],
                hint="nothing was written; please report it with the image",
            )


def _entries(layer: Opened, changed: Changes) -> list[Entry | None]:
    return [changed.get(number, standing.entry) for number, standing in enumerate(layer.standings)]


def _direct(layers: Sequence[Opened], before: Traced, wanted: FileTree) -> list[dict[int, Entry | None]]:
    """The members that brought what is gone or different."""
    found: list[dict[int, Entry | None]] = [{} for _ in layers]
    for path, old in before.tree.items():
        new = wanted.get(path)
        if new is not None and (new is old or new.same_thing(old)):
            continue
        layer, number = before.origin[path]
        written = layers[layer].standings[number].entry.path
        found[layer][number] = None if new is None else replace(new, path=written)
    while dangling := [link for link, led in before.leads.items() if _gone(found, led) and not _gone(found, link)]:
        for layer, number in dangling:  # hidden themselves, else what they lead to would be wanted
            found[layer][number] = None
    return found


def _gone(found: Sequence[Changes], place: tuple[int, int]) -> bool:
    return found[place[0]].get(place[1], place) is None


def _hide(
    extra: set[str],
    layers: Sequence[Opened],
    trees: tuple[Traced, Traced],
    found: list[dict[int, Entry | None]],
) -> None:
    """Older copies that came to light go, or are hidden where the copy that hid them was."""
    before, shown = trees
    led_to = set(shown.leads.values())
    for path in extra:
        layer, number = shown.origin[path]
        if found[layer] and (layer, number) not in led_to:
            found[layer][number] = None
        elif place := _hider(path, before, found):
            above, index = place
            folder, _, name = layers[above].standings[index].entry.path.rpartition("/")
            mark = f"{folder}/{WHITEOUT}{name}" if folder else f"{WHITEOUT}{name}"
            found[above][index] = small_file(mark, b"", "")


def _hider(path: str, before: Traced, found: Sequence[Changes]) -> tuple[int, int] | None:
    """The member that is gone and that hid the path: what stood there itself, or in the place of a folder above."""
    while path:
        place = before.origin.get(path)
        if place is not None and _gone(found, place):
            return place
        path = path.rpartition("/")[0]
    return None
