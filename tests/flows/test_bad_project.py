"""Projects that cannot be locked or built: what is said, and that nothing is written."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.support.refusal import refused
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shop import Shop


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """The project; what the test did not change itself is afterwards as it was, and nothing was built."""
    lock = shop.project / "slimtorch.lock"
    before = lock.read_bytes()
    yield shop
    assert not (shop.project / "dist").exists()
    if lock.exists():
        assert lock.read_bytes() == before
    assert not list(shop.project.glob(".slimtorch.lock*"))


def test_a_mistyped_key(shop: Shop) -> None:
    shop.change("slimtorch.toml", "[service]\ncommand", "[service]\ncomand")
    refused(shop.build(), "slimtorch.toml", "service.comand", "did you mean `command`?")


def test_several_problems_are_said_together(shop: Shop) -> None:
    shop.change("slimtorch.toml", "[service]\n", '[service]\nuid = "x"\nusr = "me"\n')
    refused(shop.build(), "2 problems", "service.uid: ", "service.usr: ", hint=None)


def test_no_toml(shop: Shop) -> None:
    shop.write("slimtorch.toml", "name = parrot\n")
    refused(shop.build(), "slimtorch.toml:1:8", "is not TOML", hint="toml")


def test_no_project_here(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(shop("build", tmp_path / "empty"), "no slimtorch.toml", hint="write slimtorch.toml")


def test_a_folder_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    refused(shop("-C", tmp_path / "gone", "build"), "gone", "does not exist", hint="--help")
    refused(shop("build", tmp_path / "gone"), "gone", "does not exist", hint="project's folder")


def test_no_requirements_file(shop: Shop) -> None:
    (shop.project / "requirements.txt").unlink()
    refused(
        shop.build(), "requirements: nothing says which packages the service needs", hint="write a requirements.txt"
    )
    shop.change("slimtorch.toml", 'name = "parrot"', 'name = "parrot"\nrequirements = "requirements-prod.txt"')
    refused(shop.build(), "requirements: 'requirements-prod.txt' does not exist", hint=None)


def test_an_included_file_that_is_not_there(shop: Shop) -> None:
    shop.write("requirements.txt", "-r base.txt\nparrot-words\n")
    refused(shop.lock(), "base.txt", hint=None)


def test_requirements_that_exclude_each_other(shop: Shop) -> None:
    shop.write("requirements.txt", "parrot-words\nparrot-seeds<2\n")
    refused(shop.lock(), "nothing satisfies requirements.txt", "parrot-seeds", hint="loosen")


def test_a_package_that_nobody_has(shop: Shop) -> None:
    shop.write("requirements.txt", "parrot-wurds\n")
    refused(shop.lock(), "parrot-wurds was not found", hint="spelling")


def test_a_dependency_that_exists_only_as_source(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    with tarfile.open(folder / "parrot_egg-1.0.tar.gz", "w:gz") as archive:
        for name, text in {
            "PKG-INFO": "Metadata-Version: 2.1\nName: parrot-egg\nVersion: 1.0\n",
            "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "egg"\n',
        }.items():
            member = tarfile.TarInfo(f"parrot_egg-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    shop.write("requirements.txt", "parrot-egg\n")
    refused(shop.lock("--find-links", str(folder)), "parrot-egg exists only as source", hint="builder stage")


def test_a_wheel_for_another_machine(shop: Shop, tmp_path: Path) -> None:
    make_wheel(tmp_path / "w", "parrot-wing", "1.0", tag="cp311-cp311-win_amd64")
    shop.write("requirements.txt", "parrot-wing\n")
    refused(shop.lock("--find-links", str(tmp_path / "w")), "parrot-wing", hint="")


def test_an_unknown_package_of_the_system(shop: Shop) -> None:
    shop.change("slimtorch.toml", "[os]\n", '[os]\npackages = ["libexpat11"]\n')
    refused(shop.lock(), "there is no package libexpat11", "Debian", hint=r"did you mean libexpat1\?")


def test_a_suite_that_is_not_known(shop: Shop) -> None:
    shop.change("slimtorch.toml", "suite = ", 'suite = "bookwurm" #')
    refused(shop.build(), "os.suite", "did you mean `bookworm`?", hint=None)


def test_a_python_that_the_suite_does_not_package(shop: Shop) -> None:
    shop.change("slimtorch.toml", 'name = "parrot"', 'name = "parrot"\npython = "3.12"')
    refused(shop.build(), "python: Debian", "not 3.12", hint="set python")


def test_no_apt_on_this_machine(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = shop("lock", "--upgrade", env={"PATH": str(tmp_path / "bin")})
    refused(done, "apt is not installed on this machine", hint=r"\[os\] base")


def test_a_mirror_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    done = shop("lock", "--upgrade-os", "--apt-mirror", f"copy:{tmp_path}/gone")
    refused(done, "the package lists of", "could not be fetched", hint="check the mirror")


def test_a_mirror_signed_by_somebody_else(shop: Shop) -> None:
    (shop.project / "keys/archive.gpg").write_bytes(b"")
    own = shop.lock("--upgrade-os")
    refused(own, "could not be fetched", hint="keyring")


def test_a_stale_lock(shop: Shop) -> None:
    shop.write("requirements.txt", "parrot-words>1\n")
    for command in (["build"], ["build", "--locked"], ["build", "--dry-run"], ["lock", "--check"]):
        refused(shop(*command), "slimtorch.lock is out of date: requirements.txt changed", hint="run `slimtorch lock`")


def test_no_lock(shop: Shop) -> None:
    (shop.project / "slimtorch.lock").unlink()
    for command in (["build", "--locked"], ["build", "--locked", "--dry-run"], ["lock", "--check"]):
        refused(shop(*command), "slimtorch.lock", hint="slimtorch lock")
    assert not (shop.project / "slimtorch.lock").exists()


def test_a_damaged_lock(shop: Shop) -> None:
    path = shop.project / "slimtorch.lock"
    whole = path.read_text()
    try:
        for text, word in (
            (whole[: len(whole) // 2], ""),
            (whole.replace("size = ", "size = -"), "size"),
            (whole.replace("version = 1\n", "version = 99\n", 1), "99"),
            (whole.replace('file = "parrot', 'file = "../parrot'), "file name"),
            (whole.replace('sha256 = "', 'sha256 = "zz'), "sha256"),
        ):
            path.write_text(text)
            refused(shop.build(), "slimtorch.lock", word, hint="")
    finally:
        path.write_text(whole)


def test_a_platform_that_is_not_known(shop: Shop) -> None:
    refused(shop("build", "--platform", "linux/riscv64"), "linux/riscv64", hint="platforms")
    shop.change("slimtorch.toml", 'name = "parrot"', 'name = "parrot"\nplatforms = ["linux/arm46"]')
    refused(shop.build(), "platforms: 'linux/arm46'", "did you mean `linux/arm64`?", hint=None)


def test_the_tag_latest(shop: Shop) -> None:
    refused(shop("build", "--tag", "latest"), "the tag 'latest' says nothing", hint="allow-latest")
    for output in ("oci:dist/parrot:latest", "docker:parrot:latest"):
        refused(shop("build", "-o", output), "the tag 'latest' says nothing", hint="allow-latest")
    shop.change("slimtorch.toml", "[app]\n", '[image]\ntag = "latest"\n[app]\n')
    refused(shop.build(), "image.tag", hint="allow-latest")


def test_tags_that_are_not_true(shop: Shop) -> None:
    refused(shop("build", "--tag", "v1-pytorch2.13-cu92"), "a pair that does not exist", hint="use 'v1.2'")
    refused(shop("build", "--tag", "v1-pytorch2.13-cpu"), "holds no torch", hint="use 'v1.2'")
    refused(shop("build", "-o", "oci:dist/parrot:v1-pytorch2.13-cpu"), "holds no torch", hint="use 'v1.2'")
    refused(shop("build", "--tag", "v1-py3.9"), "says Python 3.9", hint="use 'v1.2'")
    refused(shop("build", "--tag", "no tag"), "is not a tag", hint="letters")


def test_a_date_that_is_none(shop: Shop) -> None:
    refused(shop("build", env={"SOURCE_DATE_EPOCH": "today"}), "SOURCE_DATE_EPOCH", hint=None)


def test_a_service_file_that_is_not_there(shop: Shop) -> None:
    (shop.project / "serve.py").unlink()
    refused(shop.build(), "app.include: 'serve.py' does not exist", hint=None)


def test_a_link_that_leads_out_of_the_project(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("")
    (shop.project / "parrot/secret.py").symlink_to(tmp_path / "secret.py")
    refused(shop.build(), "parrot/secret.py is a link that leads out of the project", hint=r"\[app\]")


def test_offline_with_an_empty_cache(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "cache", empty=True)
    refused(own("--offline", "build"), "are not in the cache, and this run is offline", hint="--offline")
    (shop.project / "slimtorch.lock").unlink()
    refused(own("--offline", "build"), "the package lists of", "offline", hint="--offline")


def test_a_wheel_that_is_gone(shop: Shop, tmp_path: Path) -> None:
    own = shop.with_cache(tmp_path / "cache", empty=True)
    (tmp_path / "none").mkdir()
    done = own("build", "--apt-mirror", shop.stock.mirror, env={"PIP_FIND_LINKS": str(tmp_path / "none")})
    refused(done, "parrot_", hint="configure the index|lock again")
