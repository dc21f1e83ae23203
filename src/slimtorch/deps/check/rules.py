"""Every rule of ``slimtorch deps``, in one table: what is looked at, why, and what to do about it."""

from __future__ import annotations

from slimtorch.findings import Rule, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

# -- what is declared and what is used --------------------------------------------------------------------------------

UNUSED = Rule(
    "DEP701", WARNING, "every requirement of production is used",
    "what nothing uses is downloaded, stored, scanned and patched all the same",
    "remove the line; `slimtorch deps split` moves it to the requirements of development",
)  # fmt: skip
DEVELOPMENT = Rule(
    "DEP702", WARNING, "production holds no tools of development",
    "notebooks, debuggers, formatters and what they bring double an image and give an attacker tools",
    "move the line to the requirements of development: `slimtorch deps split`",
)  # fmt: skip
TESTS = Rule(
    "DEP703", WARNING, "production holds nothing that only tests import",
    "tests do not run in the image",
    "move the line to the requirements of development: `slimtorch deps split`",
)  # fmt: skip
MISSING = Rule(
    "DEP704", ERROR, "something brings every module that the service imports",
    "the import fails: at the start, or at the first request that gets there",
    "add the distribution that brings the module to the requirements",
)  # fmt: skip
UNDECLARED = Rule(
    "DEP705", WARNING, "what the service imports is among its own requirements",
    "a later version of the other package may do without it, and the service then fails",
    "add it to the requirements",
)  # fmt: skip
INDIRECT = Rule(
    "DEP706", INFO, "requirements name what the service itself uses",
    "what another requirement brings anyway needs no line, unless it pins a version",
    "remove the line, or move the pin to a constraints file",
)  # fmt: skip
SKIPPED = Rule(
    "DEP707", INFO, "every source file can be read",
    "what a file imports that cannot be read is not known",
    "mend the file, or leave it out with [app] exclude",
)  # fmt: skip
TYPING = Rule(
    "DEP708", WARNING, "production holds nothing that only type checkers read",
    "an import below `if TYPE_CHECKING` never runs",
    "move the line to the requirements of development: `slimtorch deps split`",
)  # fmt: skip
TWICE = Rule(
    "DEP709", WARNING, "one distribution brings a module",
    "the one that is installed last overwrites the files of the other, and removing either breaks both",
    "keep one of them; `slimtorch deps swap` says which",
)  # fmt: skip
GROUP = Rule(
    "DEP710", ERROR, "what the service imports is not declared for development only",
    "the image holds the requirements of production, and the import fails there",
    "move it to the requirements of production",
)  # fmt: skip

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""All rules, in the order of their ids."""
