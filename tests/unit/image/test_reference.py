from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import UsageError
from slimtorch.image.reference import Reference, parse

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci:dist/x", Reference("oci", "dist/x")),
        ("oci:dist/x:v1.2-cpu", Reference("oci", "dist/x", "v1.2-cpu")),
        ("oci:/a:b/c", Reference("oci", "/a:b/c")),
        ("archive:x.tar", Reference("archive", "x.tar")),
        ("docker:localhost:5000/team/x:v1", Reference("docker", "localhost:5000/team/x:v1")),
        ("podman:x", Reference("podman", "x")),
        ("dir:root", Reference("dir", "root")),
        (f"oci:dist/x:v1@{DIGEST}", Reference("oci", "dist/x", "v1", DIGEST)),
        (f"docker:team/x:v1@{DIGEST}", Reference("docker", "team/x:v1", "", DIGEST)),
    ],
)
def test_what_is_printed_is_parsed(text: str, expected: Reference) -> None:
    assert parse(text, exists=False) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "x", "ftp:x", "oci:", "oci:x:bad tag", "oci::v1", "docker:Upper", "docker:a b", f"@{DIGEST}"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, exists=False)
    assert caught.value.hint


def test_a_bare_path_is_recognised_by_what_stands_there(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"")
    (tmp_path / "lay").mkdir()
    assert parse(f"{tmp_path}/lay").scheme == "dir"
    (tmp_path / "lay" / "oci-layout").write_bytes(b"")
    assert parse(f"{tmp_path}/x.tar").scheme == "archive"
    assert parse(f"{tmp_path}/lay").scheme == "oci"
    assert parse(f"{tmp_path}/lay:v1@{DIGEST}") == Reference("oci", f"{tmp_path}/lay", "v1", DIGEST)
