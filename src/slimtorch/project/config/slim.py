"""``[slim]``: how much is taken out of the packages, what must stay, and what else goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.app import inside_file
from slimtorch.project.config.kinds import boolean, project_path, table_of_texts, text, texts
from slimtorch.project.config.reader import BadValueError, Key, Section, suggest
from slimtorch.project.model import Profile, Slim
from slimtorch.tables import stubs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from slimtorch.project.config.reader import Table

KEEP_PTX = ("none", "newest")
_STANDARD = Slim()


def _one_of(names: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if (found := text(value)) in names:
            return found
        listed = ", ".join(f'"{name}"' for name in names)
        raise BadValueError(f"must be one of {listed}, not {found!r}" + suggest(found, list(names)))

    return check


def _profile(value: object) -> Profile:
    return Profile(_one_of(tuple(Profile))(value))


def _stub(name: str) -> None:
    if wrong := stubs.complaint(name):
        raise BadValueError(wrong)


def patterns(value: object) -> dict[str, str]:
    """A table of patterns of paths, each with the reason in words.

    Raises:
        BadValueError: it is no such table, a pattern leads out of the tree, or a reason is missing.
    """
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        hint = f'say why, for whoever reads the ledger: {{ "{value[0]}" = "the reason" }}'
        raise BadValueError("must be a table of patterns with reasons, not a list", hint)
    found = table_of_texts(value)
    for pattern, reason in found.items():
        if not pattern.strip("/* ") or not pattern.isprintable() or ".." in pattern.split("/"):
            raise BadValueError(f"{pattern!r} is no pattern of paths inside the tree")
        if not reason.strip() or not reason.isprintable():
            raise BadValueError(f"{pattern!r} has no reason", f'write "{pattern}" = "the reason"')
    return found


_PATTERNS = (
    "A pattern is relative to site-packages, or to the root of the image where it starts with `/`; `**` crosses "
    "folders, and a pattern without `/` means that name anywhere."
)
PROFILE = Key(
    "profile",
    _profile,
    _STANDARD.profile,
    "`safe` takes out what no use of the packages needs; `inference` also whole packages and libraries that this "
    "service never reaches; `none` nothing.",
    '"safe"',
    '"inference"',
)
VENDOR = Key(
    "vendor",
    boolean,
    _STANDARD.vendor,
    "Also shrink NVIDIA's own libraries. Their licence (CUDA Toolkit EULA, cuDNN SLA) lets an application carry them "
    "and does not let it modify them: for internal use only, not for images that you pass on.",
    "false",
    "true",
)
KEEP_PTX_KEY = Key(
    "keep-ptx",
    _one_of(KEEP_PTX),
    _STANDARD.keep_ptx,
    "`newest` keeps the newest PTX beside the code for `torch.gpus`, so that the driver can compile it for newer GPUs; "
    "with `none` the image runs on those GPUs only.",
    '"none"',
    '"newest"',
)
STUBS: Key[tuple[str, ...]] = Key(
    "stubs",
    texts,
    (),
    "Libraries that torch links and this service never calls: each is replaced by a small stand-in that fails with a "
    "message naming this setting.",
    "[]",
    '["nccl", "cufft"]',
)
KEEP: Key[Mapping[str, str]] = Key(
    "keep",
    patterns,
    {},
    f"What stays whatever a rule says, with the reason. {_PATTERNS}",
    "{}",
    '{ "torch/include/**" = "we compile extensions" }',
)
DROP: Key[Mapping[str, str]] = Key(
    "drop",
    patterns,
    {},
    "What goes besides what the rules say, with the reason; patterns as for `keep`, which wins.",
    "{}",
    '{ "torchvision/datasets/**" = "we bring no data sets" }',
)
TRACED = Key(
    "traced",
    project_path,
    "",
    "A record of `slimtorch trace`: what no traced run touched goes.",
    "none",
    '"trace.json"',
)
SECTION = Section(
    "slim",
    "What is taken out of the packages. Every byte removed is in the ledger, with its reason and its proof.",
    (PROFILE, VENDOR, KEEP_PTX_KEY, STUBS, KEEP, DROP, TRACED),
)


def read(table: Table, root: Path) -> Slim:
    """The section; `root` is the project's folder."""
    traced = table.read(TRACED)
    if traced:
        try:
            inside_file(root, traced)
        except BadValueError as bad:
            table.bad(TRACED, str(bad), "slimtorch trace REFERENCE writes one")
    found = Slim(
        profile=table.read(PROFILE),
        vendor=table.read(VENDOR),
        keep_ptx=table.read(KEEP_PTX_KEY),
        stubs=tuple(dict.fromkeys(table.each(STUBS, _stub))),
        keep=table.read(KEEP),
        drop=table.read(DROP),
        traced=root / traced if traced else None,
    )
    for pattern in found.keep.keys() & found.drop.keys():
        table.bad(DROP, f"{pattern!r} is to be kept as well", "drop it from one of the two")
    if found.profile is Profile.NONE:
        for key in (STUBS, TRACED):
            if key in table:
                table.bad(key, 'does not go with slim.profile = "none"', 'choose "safe", or leave the key out')
    return found
