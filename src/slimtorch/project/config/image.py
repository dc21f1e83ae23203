"""``[image]``: what the image is called, and its labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.image.naming import check_pattern
from slimtorch.project.config.kinds import boolean, matching, table_of_texts, text
from slimtorch.project.config.reader import BadValueError, Key, Section
from slimtorch.project.model import Naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.project.config.reader import Table

_OWN_LABELS = {
    "org.opencontainers.image.title": "set name",
    "org.opencontainers.image.version": "set version",
    "org.opencontainers.image.created": "set SOURCE_DATE_EPOCH",
    "org.opencontainers.image.ref.name": "set image.tag",
}
# Docker's documentation of labels keeps these for itself.
_RESERVED = ("io.slimtorch.", "com.docker.", "io.docker.", "org.dockerproject.")

NAME_KIND = matching(
    r"(?=.{1,200}$)[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*",
    "a name of lower-case letters and digits, with '.', '_', '-' and '/' between them",
)
VERSION_KIND = matching(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,60}", 'a version such as "1.2"')


def _tag(value: object) -> str:
    if problem := check_pattern(text(value)):
        raise BadValueError(problem)
    return str(value)


def _labels(value: object) -> dict[str, str]:
    for name in (found := table_of_texts(value)):
        if not re.fullmatch(r"[A-Za-z0-9]+(?:[._/-]+[A-Za-z0-9]+)*", name):
            raise BadValueError(f"{name!r} is not a label (such as com.example.team)")
        if name.startswith(_RESERVED):
            raise BadValueError(f"{name!r} is reserved")
        if name in _OWN_LABELS:
            raise BadValueError(f"{name!r} is written by slimtorch; {_OWN_LABELS[name]} instead")
    return dict(sorted(found.items()))


_STANDARD = Naming()
NAME = Key("name", NAME_KIND, "", "The image's name, where it differs from the project's.", "`name`", '"team/digits"')
VERSION = Key("version", VERSION_KIND, "", "The image's version, where it differs.", "`version`", '"1.2"')
TAG = Key(
    "tag",
    _tag,
    _STANDARD.tag,
    "The tag: a pattern over {version}, {torch}, {device} and {python}, filled from what the image holds.",
    f'"{_STANDARD.tag}"',
    '"{version}-py{python}"',
)
LATEST = Key("allow-latest", boolean, default=False, about="Whether the tag `latest` may be written.", shown="false")
LABELS: Key[Mapping[str, str]] = Key(
    "labels", _labels, {}, "Labels to add.", "{}", '{"org.opencontainers.image.source" = "https://example.org/digits"}'
)
SECTION = Section("image", "The image's name, tag and labels.", (NAME, VERSION, TAG, LATEST, LABELS))


def read(table: Table, name: str, version: str) -> Naming:
    """The section; `name` and `version` are the project's."""
    tag, allow_latest = table.read(TAG), table.read(LATEST)
    if tag.lower() == "latest" and not allow_latest:
        table.bad(
            TAG,
            "must not be latest, which says nothing about the image and moves under its users",
            "leave it out, or set [image] allow-latest = true",
        )
    return Naming(
        name=table.read(NAME) or name,
        version=table.read(VERSION) or version,
        tag=tag,
        allow_latest=allow_latest,
        labels=table.read(LABELS),
    )
