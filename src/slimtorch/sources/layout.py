"""Where the files of a wheel go in an image: the schemes of PEP 427 in a virtual environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """A virtual environment of `python` (``3.11``) at `prefix`, a path relative to the image's root."""

    python: str
    prefix: str = "opt/venv"

    @property
    def interpreter(self) -> str:
        """The absolute path of the interpreter, for shebang lines."""
        return f"/{self.prefix}/bin/python"

    @property
    def site_packages(self) -> str:
        """Where imports find packages, relative to the image's root."""
        return f"{self.prefix}/lib/python{self.python}/site-packages"

    def scheme(self, name: str, project: str) -> str | None:
        """The folder of a ``.data`` scheme, or None for one that does not exist. `project` names the wheel."""
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "scripts": f"{self.prefix}/bin",
            "data": self.prefix,
            "headers": f"{self.prefix}/include/site/python{self.python}/{project}",
        }.get(name)
