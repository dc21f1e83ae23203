from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError, MachineError
from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import Kind
from slimtorch.project.model import (
    App,
    Check,
    Layering,
    Naming,
    Os,
    Project,
    Requirements,
    Service,
    Sources,
    Torch,
)
from slimtorch.sources import app
from slimtorch.sources.patterns import matcher, rooted

if TYPE_CHECKING:
    from slimtorch.image.tree import FileTree


def project(root: Path, **settings: tuple[str, ...]) -> Project:
    return Project(
        root=root,
        config_path=root / "slimtorch.toml",
        python="3.11",
        platforms=("linux/amd64",),
        requirements=Requirements(),
        sources=Sources(),
        app=App(**settings),  # type: ignore[arg-type]
        os=Os(),
        torch=Torch(),
        service=Service(command=("python", "serve.py")),
        check=Check(),
        image=Naming(),
        layers=Layering(),
    )


def fill(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def files(tree: FileTree) -> list[str]:
    return [entry.path for entry in tree.entries() if entry.kind is not Kind.DIRECTORY]


def service(root: Path, **settings: tuple[str, ...]) -> list[str]:
    return files(app.tree(project(root, **settings))[0])


def test_files_stand_in_the_working_directory_as_roots(tmp_path: Path) -> None:
    tree, weights = app.tree(project(fill(tmp_path, "serve.py", "lib/a.py")))
    assert files(tree) == ["app/lib/a.py", "app/serve.py"]
    assert tree["app/lib"].kind is Kind.DIRECTORY
    assert {(entry.uid, entry.gid, entry.owner) for entry in tree.entries()} == {(0, 0, "app")}
    content = tree["app/serve.py"].content
    assert content is not None
    assert (content.digest, content.size) == (of_bytes(b"serve.py"), 8)
    with content.open() as stream:
        assert stream.read() == b"serve.py"
    assert not weights


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    fill(tmp_path, "plain.py", "run.sh", "shared.py")
    for name, mode in (("plain.py", 0o600), ("run.sh", 0o700), ("shared.py", 0o666)):
        (tmp_path / name).chmod(mode)
    tree, _ = app.tree(project(tmp_path))
    assert [tree[f"app/{name}"].mode for name in ("plain.py", "run.sh", "shared.py")] == [0o644, 0o755, 0o644]


def test_the_working_directory_of_the_service_is_used(tmp_path: Path) -> None:
    made = project(fill(tmp_path, "serve.py"))
    moved = replace(made, service=replace(made.service, workdir=PurePosixPath("/srv/model")))
    assert files(app.tree(moved)[0]) == ["srv/model/serve.py"]


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".gitignore", "tests/test_a.py", "pkg/test_b.py", "pkg/__pycache__/a.pyc", ".venv/bin/python",
        "venv/pyvenv.cfg", "node_modules/x.js", "explore.ipynb", "pkg/.ipynb_checkpoints/x", ".env", ".env.production",
        "server.pem", "keys/private.key", "id_rsa", "id_ed25519.pub", ".vscode/settings.json", "pkg.egg-info/PKG-INFO",
        "build/lib/a.py", "dist/a.whl", "slimtorch.toml", "slimtorch.lock", "requirements.txt", "Dockerfile",
        ".dockerignore", ".mypy_cache/x", ".netrc", ".aws/credentials", ".pypirc", "uv.lock", "pyproject.toml",
    ],
)  # fmt: skip
def test_what_is_left_out_by_default(tmp_path: Path, path: str) -> None:
    assert service(fill(tmp_path, path, "serve.py")) == ["app/serve.py"]


@pytest.mark.parametrize("path", ["pkg/build/a.py", "pkg/keys.py", "environment.py", "lib/latest.py", "static/app.js"])
def test_what_is_not_left_out(tmp_path: Path, path: str) -> None:
    assert service(fill(tmp_path, path)) == [f"app/{path}"]


def test_what_include_names_is_wanted(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", "tests/data/a.json", "tests/test_a.py", "other.py", "certs/ca.pem")
    assert service(tmp_path, include=("serve.py", "tests/data", "certs/ca.pem")) == [
        "app/certs/ca.pem",
        "app/serve.py",
        "app/tests/data/a.json",
    ]


def test_a_secret_in_an_included_folder_stays_out(tmp_path: Path) -> None:
    assert service(fill(tmp_path, "src/a.py", "src/.env"), include=("src",)) == ["app/src/a.py"]


def test_own_excludes_always_win(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", "docs/a.md", "lib/b.md", "lib/deep/c.txt", "data/big.bin")
    assert service(tmp_path, exclude=("*.md", "lib/**/*.txt", "/data")) == ["app/serve.py"]
    assert service(tmp_path, include=("serve.py", "lib"), exclude=("*.md",)) == [
        "app/lib/deep/c.txt",
        "app/serve.py",
    ]


def test_includes_may_be_patterns(tmp_path: Path) -> None:
    fill(tmp_path, "a/x.py", "a/b/y.py", "a/b/z.txt")
    assert service(tmp_path, include=("a/**/*.py",)) == ["app/a/b/y.py", "app/a/x.py"]


def test_weights_have_a_tree_of_their_own(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", "models/a.safetensors", "models/deep/b.bin", "build/c.pt")
    tree, weights = app.tree(project(tmp_path, weights=("models", "build/c.pt")))
    assert files(tree) == ["app/serve.py"]
    assert files(weights) == ["app/build/c.pt", "app/models/a.safetensors", "app/models/deep/b.bin"]
    assert {entry.owner for entry in weights.entries()} == {"weights"}


def test_what_brings_nothing_is_said(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py")
    with pytest.raises(ConfigError) as caught:
        app.tree(project(tmp_path, include=("serve.py", "gone"), weights=("models/*.pt",)))
    assert len(caught.value.problems) == 2
    assert "'gone'" in caught.value.message
    assert "models/*.pt" in caught.value.message


def test_links_inside_the_project_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, "lib/a.py", "models/v1.pt")
    (tmp_path / "current.pt").symlink_to("models/v1.pt")
    (tmp_path / "lib/abs.py").symlink_to(tmp_path / "lib/a.py")
    (tmp_path / "folder").symlink_to("lib")
    tree, _ = app.tree(project(tmp_path))
    assert {entry.path: entry.link for entry in tree.entries() if entry.link} == {
        "app/current.pt": "models/v1.pt",
        "app/lib/abs.py": "a.py",
        "app/folder": "lib",
    }


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/passwd", "leads out"),
        ("../outside", "leads out"),
        ("gone", "does not exist"),
        ("loop", "does not exist"),
        (".git/config", "not part of the image"),
    ],
)
def test_links_that_cannot_be_kept(tmp_path: Path, target: str, reason: str) -> None:
    (tmp_path / "outside").write_text("secret")
    root = fill(tmp_path / "project", "serve.py", ".git/config")
    (root / "loop").symlink_to(target)
    with pytest.raises(ConfigError, match=reason) as caught:
        app.tree(project(root))
    assert "loop" in caught.value.message


def test_special_files_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        with pytest.raises(ConfigError, match="device, socket or pipe") as caught:
            app.tree(project(tmp_path))
    assert len(caught.value.problems) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", "closed.py")
    (tmp_path / "closed.py").chmod(0)
    with pytest.raises(MachineError, match=r"closed\.py"):
        app.tree(project(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="nowhere"):
        app.tree(project(tmp_path / "nowhere"))


def test_names_that_are_not_text(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff")).write_text("x")
    with pytest.raises(ConfigError, match="not plain text"):
        app.tree(project(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.py", ["a.py", "x/a.py"], ["a.pyc", "a.py.txt"]),
        ("/a", ["a", "a/b/c"], ["x/a"]),
        ("a/*.py", ["a/b.py"], ["a/b/c.py", "x/a/b.py"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/b/c"], ["ab", "a/xb"]),
        ("**/b", ["b", "x/b"], ["xb"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("?[ab]", ["xa", "y/zb"], ["xc", "a"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("a.b", ["a.b"], ["axb"]),
        ("(x|y)+", ["(x|y)+"], ["x"]),
        ("[", ["["], ["x"]),
        ("[]", ["[]"], ["x"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = matcher([pattern])
    assert [path for path in yes if not matches(path)] == []
    assert [path for path in no if matches(path)] == []


def test_rooted_patterns() -> None:
    assert rooted(["."])("any/thing")
    assert rooted(["./a"])("a/b")
    assert not rooted(["a"])("x/a")
    assert not matcher([])("a")


def test_a_virtual_environment_of_any_name_stays_out(tmp_path: Path) -> None:
    (tmp_path / "myenv" / "bin").mkdir(parents=True)
    (tmp_path / "myenv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (tmp_path / "myenv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (tmp_path / "serve.py").write_text("")
    tree, _ = app.tree(project(tmp_path))
    assert files(tree) == ["app/serve.py"]
