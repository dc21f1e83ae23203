"""Which Debian packages an image gets: apt solves, then what is of no use at run time is cut by a table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from slimtorch import tables
from slimtorch.errors import ResolveError
from slimtorch.image.digest import from_hex
from slimtorch.project.lock import LockedDeb
from slimtorch.sources import deb822, suites

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slimtorch.sources.apt import Apt

# Debian Policy 5.6.1 and 5.6.12: names and versions, with nothing that apt or a path could read as something else.
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+~:-]*")
_INST = re.compile(r"^Inst (\S+) \((\S+) (.*) \[\S+\]\)", re.MULTILINE)
_MISSING = re.compile(
    r"Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate"
    r"|Version '([^']+)' for '([^']+)' was not found"
)
_UNMET = re.compile(r"^\s*(\S+ : (?:Pre-?)?(?:Depends|Conflicts|Breaks): .+)$", re.MULTILINE)

Stanza = Mapping[str, str]


def resolve(apt: Apt, python: str, packages: Sequence[str]) -> tuple[LockedDeb, ...]:
    """The packages for Python `python` (``3.11``), for torch, and those the user names, sorted by name.

    `packages` are names, or ``name=version``; each comes with its true dependencies and without recommended ones.

    Raises:
        ResolveError: the suite packages another Python, a package does not exist, or they exclude each other.
    """
    suites.check_python(apt.archive.suite, python)
    named = [_checked_name(package) for package in packages]
    version = ".".join(python.split(".")[:2])
    roots = [f"python{version}-minimal", f"libpython{version}-stdlib", "libstdc++6", "zlib1g", *named]
    with apt.alone():
        chosen = _simulate(apt, list(dict.fromkeys([*roots[:4], *packages])))
        stanzas = _stanzas(apt, {name: version for name, (version, _) in chosen.items()})
    kept = closure(stanzas, roots, frozenset(named))
    return tuple(_locked(stanzas[name], chosen[name][1]) for name in sorted(kept))


def closure(stanzas: Mapping[str, Stanza], roots: Iterable[str], named: frozenset[str]) -> set[str]:
    """The names, out of a solved set, that `roots` reach by Depends and Pre-Depends without crossing a cut.

    A package in `named` is never cut: the user asked for it.
    """
    providers = _providers(stanzas)
    reached: set[str] = set()
    waiting = [provider for root in roots for provider in providers.get(root, ())]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for wanted in _dependencies(stanzas[name]):
            found = [provider for one in wanted for provider in providers.get(one, ())]
            waiting += [other for other in found if other in named or not is_cut(name, other)]
    return reached


def is_cut(package: str, dependency: str) -> bool:
    """Whether `dependency` is of no use to `package` at run time, as the tables say (each with its reason)."""
    table = tables.load("os_packages")
    if dependency in table["cuts"] or dependency in table["cut_edges"].get(package, {}):
        return True
    if re.fullmatch(r"libpython3\.\d+-stdlib", package):
        return plain(dependency) in tables.load("python_modules")["packages"]
    return False


def plain(name: str) -> str:
    """The name without the suffix of Debian's 64-bit time transition: ``libreadline8t64`` → ``libreadline8``."""
    return name.removesuffix("t64")


def _checked_name(package: str) -> str:
    name, equals, version = package.partition("=")
    if not NAME.fullmatch(name) or (equals and not VERSION.fullmatch(version)):
        raise ResolveError(
            f"{package!r} is not the name of a Debian package",
            hint='write names, or name=version, such as [os] packages = ["curl"]',
        )
    return name


def _simulate(apt: Apt, packages: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name → version and suite of everything that apt would install for `packages`, as if nothing were there."""
    done = apt.get("-s", "-q", "install", "--", *packages)
    if done.status != 0:
        raise _refusal(apt, done.stderr + done.text)
    return {match[1]: (match[2], _suite(apt.archive.suite, match[3])) for match in _INST.finditer(done.text)}


def _refusal(apt: Apt, output: str) -> ResolveError:
    if match := _MISSING.search(output):
        name = match[1] or match[2] or match[4]
        what = f"{name} in version {match[3]}" if match[3] else name
        near = difflib.get_close_matches(name, _names(apt, name), 3, 0.7)
        hint = f"did you mean {' or '.join(near)}?" if near and name not in near else "see what apt-cache search finds"
        if match[3]:
            hint = "mirrors keep only the newest version; name the package without one"
        return ResolveError(
            f"there is no package {what} in Debian {apt.archive.suite} for {apt.architecture}", hint=hint
        )
    reasons = list(dict.fromkeys(match[1] for match in _UNMET.finditer(output)))[:5]
    told = "\n".join(f"  {reason}" for reason in reasons) or "\n".join(output.strip().splitlines()[-5:])
    return ResolveError(
        f"the Debian packages cannot be installed together:\n{told}", hint="drop one of them from [os] packages"
    )


def _names(apt: Apt, like: str) -> list[str]:
    """Package names about as long as `like`; comparing with all sixty thousand would take seconds."""
    everything = apt.cache("pkgnames").text.split()
    return sorted(name for name in everything if abs(len(name) - len(like)) <= 3)


def _suite(suite: str, releases: str) -> str:
    """``Debian-Security:12/oldstable-security`` is the suite's ``-security``; the first of several counts."""
    archive = releases.partition(",")[0].rpartition("/")[2].partition(" ")[0]
    kind = next((kind for kind in ("-security", "-updates") if archive.endswith(kind)), "")
    return suite + kind


def _stanzas(apt: Apt, chosen: Mapping[str, str]) -> dict[str, Stanza]:
    done = apt.cache("show", "--no-all-versions", *(f"{name}={version}" for name, version in chosen.items()))
    found: dict[str, Stanza] = {stanza["package"]: stanza for stanza in deb822.stanzas(done.check().text)}
    if lacking := [name for name, version in chosen.items() if found.get(name, {}).get("version") != version]:
        raise ResolveError(f"apt knows nothing of {', '.join(lacking)}, which it chose itself", hint="lock again")
    return found


def _locked(stanza: Stanza, suite: str) -> LockedDeb:
    try:
        return LockedDeb(
            stanza["package"],
            stanza["version"],
            stanza["architecture"],
            stanza["filename"].rpartition("/")[2],
            from_hex(stanza["sha256"]),
            int(stanza["size"]),
            suite,
        )
    except KeyError as error:
        raise ResolveError(f"the index says no {error} of {stanza.get('package')}", hint="use another mirror") from None


def _providers(stanzas: Mapping[str, Stanza]) -> dict[str, list[str]]:
    """Real and virtual names → the packages of the set that satisfy them."""
    found: dict[str, list[str]] = {name: [name] for name in stanzas}
    for name, stanza in stanzas.items():
        for virtual in _split(stanza.get("provides", "")):
            found.setdefault(virtual[0], []).append(name)
    return found


def _dependencies(stanza: Stanza) -> list[list[str]]:
    return _split(stanza.get("pre-depends", "")) + _split(stanza.get("depends", ""))


def _split(relations: str) -> list[list[str]]:
    """``a (>= 1) | b, c:any`` as [[a, b], [c]]."""
    groups = (group.split("|") for group in relations.split(",") if group.strip())
    return [[re.split(r"[\s(:\[<]", name.strip())[0] for name in group] for group in groups]
