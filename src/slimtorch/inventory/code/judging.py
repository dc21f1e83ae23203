"""From what files name to what the project needs: own and standard modules are dropped, roles are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role
from slimtorch.inventory.code.own import Claim
from slimtorch.inventory.code.roles import role
from slimtorch.inventory.code.standard import is_standard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from slimtorch.inventory.code.own import Own
    from slimtorch.inventory.code.reading import Reading
    from slimtorch.inventory.code.scope import Scope
    from slimtorch.inventory.code.statements import Named
    from slimtorch.inventory.code.tree import Tree

_SURE = frozenset({Form.TYPING, Form.STRING})
"""Forms that an unsure owner does not change: neither blames anybody for a missing distribution."""


class Judge:
    """Lays what all files say beside what the tree holds."""

    def __init__(self, own: Own, scope: Scope, readings: Sequence[Reading], tree: Tree) -> None:
        self._own = own
        self._scope = scope
        self._readings = readings
        self._tree = tree
        self._reached: dict[str, set[str]] = {}

    def code(self) -> Code:
        """Everything, in the order of files and lines."""
        foreign = {item.path: list(self._foreign(item)) for item in self._readings}
        given = self._roles()
        imports: dict[Import, None] = {}
        references: list[Reference] = []
        for item in self._readings:
            is_for = given[item.path]
            for module, names, line, form, _ in foreign[item.path]:
                imports[Import(module, names, Location(item.shown, line), form, is_for)] = None
            references += [_with_role(reference, is_for) for reference in item.references]
        skipped = [*self._tree.skipped, *(item.skipped for item in self._readings if item.skipped)]
        skipped.sort(key=lambda skip: (skip.location.path, skip.location.line))
        return Code(
            len(self._tree.sources),
            tuple(imports),
            tuple(references),
            tuple(skipped),
            self._own.tops(),
            tuple(self._computed(given)),
        )

    def _computed(self, given: Mapping[str, Role]) -> Iterator[Location]:
        for item in self._readings:
            if given[item.path] is Role.SERVICE:
                yield from (Location(item.shown, line) for line in dict.fromkeys(item.computed))

    def _foreign(self, item: Reading) -> Iterator[Named]:
        """What a file names of others; what it reaches of the project is noted on the way."""
        reached = self._reached.setdefault(item.path, set())
        for named in item.imports:
            if named.level:
                if named.form is not Form.TYPING:
                    reached.update(self._own.relative(item.path, named.level, named.module, named.names))
            elif not is_standard(named.module.partition(".")[0], self._scope.python):
                yield from self._split(item.path, named, reached)

    def _split(self, file: str, named: Named, reached: set[str]) -> Iterator[Named]:
        """The part of one import that is not the project's, and the part of which nobody knows."""
        claim, found = self._own.claim(named.module, file)
        if claim is Claim.NONE or not named.names:
            claims = [(claim, found)] * max(1, len(named.names))
        else:
            claims = [self._own.claim(named.module, file, name) for name in named.names]
        if named.form is not Form.TYPING:
            reached.update(found for claim, found in claims if claim is Claim.OWN and found)
        for wanted in (Claim.NONE, Claim.MAYBE):
            if any(claim is wanted for claim, _ in claims):
                names = tuple(name for name, (claim, _) in zip(named.names, claims, strict=False) if claim is wanted)
                unsure = wanted is Claim.MAYBE and named.form not in _SURE
                yield named._replace(names=names, form=Form.OPTIONAL if unsure else named.form)

    def _roles(self) -> dict[str, Role]:
        """The role of each file. What the service imports is part of it, wherever it lies."""
        given = {item.path: self._role(item) for item in self._readings}
        waiting = [path for path, is_for in given.items() if is_for is Role.SERVICE]
        while waiting:
            for path in self._reached.get(waiting.pop(), ()):
                if given.get(path, Role.SERVICE) is not Role.SERVICE and self._scope.ships(path):
                    given[path] = Role.SERVICE
                    waiting.append(path)
        return given

    def _role(self, item: Reading) -> Role:
        tops = {named.module.partition(".")[0] for named in item.imports}
        by_place = role(item.path, self._tree.projects, tops)
        if by_place is Role.SERVICE and not self._scope.ships(item.path):
            return Role.DEVELOPMENT
        return by_place


def _with_role(reference: Reference, is_for: Role) -> Reference:
    if is_for is Role.SERVICE:
        return reference
    return Reference(reference.name, reference.location, is_for, reference.arguments)
