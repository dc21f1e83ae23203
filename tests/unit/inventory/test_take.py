"""An inventory says whose each file is, whoever built the image."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from slimtorch.inventory.packages import owners
from slimtorch.inventory.take import take
from tests.support.images import make_image

SITE = "usr/local/lib/python3.11/site-packages"
WHEEL = {
    f"{SITE}/demo.py": b"x" * 10,
    f"{SITE}/__pycache__/demo.cpython-311.pyc": b"y" * 20,
    "usr/local/bin/demo": b"#!python",
    f"{SITE}/Demo_Pkg-1.0.dist-info/METADATA": b"Name: Demo_Pkg\nVersion: 1.0\n",
    f"{SITE}/Demo_Pkg-1.0.dist-info/RECORD": (
        b"demo.py,sha256=x,10\n../../../bin/demo,,\nDemo_Pkg-1.0.dist-info/METADATA,,\nDemo_Pkg-1.0.dist-info/RECORD,,\n"
    ),
}
DEB = {
    "usr/bin/tool": b"t" * 30,
    "var/lib/dpkg/status.d/tool": b"Package: tool\nVersion: 2\n",
    "var/lib/dpkg/status.d/tool.md5sums": b"d41d8cd98f00b204e9800998ecf8427e  bin/tool\n",
}


def owner(paths: dict[str, tuple[str, int]] | object, path: str) -> str:
    found: str = paths[path][0]  # type: ignore[index]
    return found


def test_files_belong_to_the_package_that_lists_them() -> None:
    found = take(make_image({**WHEEL, **DEB, "etc/x": b"z"}))
    assert owner(found.paths, f"{SITE}/demo.py") == "wheel:demo-pkg==1.0"
    assert owner(found.paths, "usr/local/bin/demo") == "wheel:demo-pkg==1.0"
    assert owner(found.paths, "usr/bin/tool") == "deb:tool=2"
    assert owner(found.paths, "etc/x") == "other"


def test_bytecode_belongs_to_its_source() -> None:
    found = take(make_image(WHEEL))
    assert owner(found.paths, f"{SITE}/__pycache__/demo.cpython-311.pyc") == "wheel:demo-pkg==1.0"
    (package,) = found.packages
    assert (package.kind, package.name, package.version, package.files) == ("wheel", "demo-pkg", "1.0", 5)


def test_a_classic_dpkg_database_is_read_too() -> None:
    lists = {
        "var/lib/dpkg/status": (
            b"Package: bash\nVersion: 5.2\nArchitecture: amd64\n\nPackage: libc6\nVersion: 2.36\nArchitecture: amd64\n"
        ),
        "var/lib/dpkg/info/bash.list": b"/.\n/bin\n/bin/bash\n",
        "var/lib/dpkg/info/libc6:amd64.list": b"/lib/x86_64-linux-gnu/libc.so.6\n",
    }
    found = owners(lists)
    assert found["usr/bin/bash"] == "deb:bash=5.2"
    assert found["usr/lib/x86_64-linux-gnu/libc.so.6"] == "deb:libc6=2.36"


def test_what_a_later_layer_hides_does_not_count() -> None:
    image = make_image({"a/x": b"1" * 5, "a/y": b"2" * 7, "b": b"3"}, {"a/.wh.x": b"", "b": b"4444"})
    found = take(image)
    assert {path: size for path, (_, size) in found.paths.items()} == {"a/y": 7, "b": 4}
    assert found.size == 11


def test_a_vendored_distribution_does_not_take_its_hosts_files() -> None:
    record = b"demo.py,,\ndemo/_vendor/inner-1.dist-info/RECORD,,\ndemo/_vendor/inner.py,,\n"
    found = take(
        make_image(
            {
                f"{SITE}/demo-1.dist-info/RECORD": record,
                f"{SITE}/demo-1.dist-info/METADATA": b"Name: demo\nVersion: 1\n",
                f"{SITE}/demo/_vendor/inner-1.dist-info/RECORD": b"inner.py,,\n",
                f"{SITE}/demo/_vendor/inner-1.dist-info/METADATA": b"Name: inner\nVersion: 1\n",
                f"{SITE}/demo/_vendor/inner.py": b"x",
            }
        )
    )
    assert owner(found.paths, f"{SITE}/demo/_vendor/inner.py") == "wheel:demo==1"


@pytest.mark.parametrize(
    "config", [None, [], "text", {"WorkingDir": 5}, {"WorkingDir": None}, {"WorkingDir": ["/app"]}]
)
def test_a_configuration_that_is_none_hides_no_files(config: object) -> None:
    image = make_image({"app/x": b"1"})
    odd = replace(image, config=json.dumps({**image.settings, "config": config}).encode())
    assert take(odd).paths["app/x"] == ("other", 1)


def test_a_record_that_is_none_counts_up_to_where_it_is_damaged() -> None:
    name = f"{SITE}/demo-1.dist-info"
    record = b"demo.py,,\n" + b"x" * 200_000 + b",,\nlate.py,,\n"
    found = owners({f"{name}/METADATA": b"Name: demo\nVersion: 1\n", f"{name}/RECORD": record})
    assert found == {f"{SITE}/demo.py": "wheel:demo==1"}
