from __future__ import annotations

from slimtorch.sources import apt_resolve, deb822
from slimtorch.sources.maintainer_scripts import alternatives_in, is_harmless
from tests.support.debs import control


def stanzas(**depends: str) -> dict[str, dict[str, str]]:
    texts = (control(name.replace("_", "-"), {"Depends": text} if text else {}) for name, text in depends.items())
    return {stanza["package"]: stanza for stanza in deb822.stanzas("\n".join(texts))}


def test_the_closure_follows_dependencies_and_stops_at_cuts() -> None:
    solved = stanzas(
        tool="libtool (>= 2), debconf (>= 0.5) | debconf-2.0, dpkg:any",
        libtool="",
        debconf="perl-base",
        perl_base="",
        dpkg="",
    )

    assert apt_resolve.closure(solved, ["tool"], frozenset({"tool"})) == {"tool", "libtool"}
    assert apt_resolve.closure(solved, ["tool", "debconf"], frozenset({"tool", "debconf"})) == {
        "tool",
        "libtool",
        "debconf",
        "perl-base",
    }


def test_virtual_packages_lead_to_what_provides_them() -> None:
    solved = stanzas(tool="awk", mawk="")
    solved["mawk"] = {**solved["mawk"], "provides": "awk (= 1), other"}

    assert apt_resolve.closure(solved, ["tool"], frozenset()) == {"tool", "mawk"}


def test_libraries_of_python_modules_are_cut_unless_something_else_needs_them() -> None:
    solved = stanzas(libssl3="", libsqlite3_0="", libreadline8t64="", subversion="libsqlite3-0")
    solved["libpython3.11-stdlib"] = {"depends": "libsqlite3-0, libssl3, libreadline8t64"}

    assert apt_resolve.closure(solved, ["libpython3.11-stdlib"], frozenset()) == {"libpython3.11-stdlib", "libssl3"}
    assert "libsqlite3-0" in apt_resolve.closure(solved, ["libpython3.11-stdlib", "subversion"], frozenset())


def test_scripts_of_debhelper_are_recognised_and_others_are_not() -> None:
    assert is_harmless("#!/bin/sh\nset -e\n# nothing\nexit 0\n")
    assert is_harmless('#!/bin/sh\ndpkg-maintscript-helper rm_conffile /etc/x 1.0-1\\~ -- "$@"\n')
    for bad in (
        "rm -rf /",
        'dpkg-maintscript-helper rm_conffile /etc/x $(id) -- "$@"',
        "update-alternatives --install /usr/bin/x x /usr/bin/$(id) 10",
        "update-alternatives --install /usr/bin/x x /usr/bin/y 10; useradd x",
        "update-alternatives --install /usr/bin/x x /usr/bin/y ten",
        "if true; then useradd x; fi",
    ):
        assert not is_harmless(f"#!/bin/sh\n{bad}\n"), bad


def test_alternatives_with_variables_are_passed_over() -> None:
    script = (
        "#!/bin/sh\nupdate-alternatives --install $a x /usr/bin/y 1\n"
        "update-alternatives --quiet --install /u/x x /u/y 2 # a\n"
    )
    assert [(one.link, one.target, one.priority) for one in alternatives_in(script)] == [("u/x", "u/y", 2)]
