"""Stand-ins for the libraries that the user names, where the table of tried ones (`tables.stubs`) has them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.elf import stub
from slimtorch.elf.reading import readable
from slimtorch.errors import ElfError
from slimtorch.slim.model import Note, Stub
from slimtorch.tables.stubs import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.slim.model import Policy, Subject
    from slimtorch.tables.stubs import StandIn

SHOWN = 4
"""As many other users of a library are named."""


def propose(subject: Subject, policy: Policy) -> Iterator[Stub | Note]:
    """A `Stub` for each library that a name stands for, and remarks; a stand-in that is there already stays as it is.

    The names are those that `tables.stubs` knows; the configuration has no others.
    """
    chosen = [stand_ins()[name] for name in dict.fromkeys(policy.slim.stubs)]
    replaced = {soname for stand_in in chosen for soname in stand_in.sonames}
    for stand_in in chosen:
        paths = [path for path, facts in subject.binaries.items() if stand_in.stands_for(facts.soname)]
        if not paths:
            yield Note("", f"no library is {stand_in.title}: `{stand_in.name}` in the list of stand-ins does nothing")
        for path in sorted(paths):
            yield from _proposed(subject, path, stand_in, replaced)


def _proposed(subject: Subject, path: str, stand_in: StandIn, replaced: set[str]) -> Iterator[Stub | Note]:
    soname, open_ = subject.binaries[path].soname, subject.files[path].open
    if path in subject.links or open_ is None:
        return
    if soname not in stand_in.sonames:
        yield Note(path, f"left alone: a stand-in was tried for {', '.join(stand_in.sonames)}, not for {soname}")
        return
    try:
        with open_() as stream:
            source = readable(stream)
            if stub.recognise(source):
                return
            # What cannot be made is not proposed: one odd library must not end the whole run.
            stub.make(source, stand_in.name)
    except ElfError as error:
        yield Note(path, f"left alone, there can be no stand-in for it: {error.message}")
        return
    yield Stub(path, stand_in.name, f"`{stand_in.name}` is in the list of stand-ins; goes: {stand_in.without}")
    yield from _others(subject, path, soname, replaced)


def _others(subject: Subject, path: str, soname: str, replaced: set[str]) -> Iterator[Note]:
    """Who else needs the library, apart from torch and from libraries that have stand-ins too."""
    names = {
        posixpath.basename(other)
        for other, facts in subject.binaries.items()
        if soname in facts.needed and facts.soname not in replaced and not facts.soname.startswith("libtorch")
    }
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield Note(
            path, f"also used by {', '.join(sorted(names)[:SHOWN])}{more}, which will get errors from the stand-in"
        )
