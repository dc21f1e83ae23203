from __future__ import annotations

import time

import pytest

from slimtorch.inventory.modules import of_files

SO = ".cpython-311-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["six.py"], {"six"}),
        (["yaml/__init__.py", "yaml/_yaml.pyi", f"yaml/_yaml{SO}"], {"yaml", "yaml._yaml"}),
        (["cv2/__init__.py", "cv2/cv2.abi3.so"], {"cv2", "cv2.cv2"}),
        (["a/b/c/d/e.py", "a/__init__.py"], {"a", "a.b", "a.b.c"}),
        (["x.so", "y.cp311.so", "z.pypy39-pp73-x86_64-linux-gnu.so"], {"x", "y", "z"}),
        (["x.pyd", "y.cpython-311-x86_64-linux-gnu.a", "libz.so.3", "data.json", "start.pth"], set()),
        (["demo-1.0.data/purelib/p/__init__.py", "demo-1.0.data/platlib/q.py"], {"p", "q"}),
        (["demo-1.0.data/scripts/run.py", "demo-1.0.data/data/share/x.py", "demo-1.0.data/headers/h.py"], set()),
        (["demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/tool.py"], set()),
        (["requests-stubs/__init__.py", "pkg/types.pyi", "numpy.libs/lib.so", "a-b/c.py", "1x.py"], set()),
        (["__pycache__/a.cpython-311.py", "p/__pycache__/b.py", "p/__init__.py"], {"p"}),
        (["tests/__init__.py", "docs/conf.py", "examples/run.py", "benchmarks/b.py", "test/x.py", "setup.py"], set()),
        (["p/tests/__init__.py", "p/__init__.py"], {"p", "p.tests"}),
        (["p/__main__.py", "p/__init__.py"], {"p"}),
        ([f"81d243bd2c585b0f4821__mypyc{SO}"], set()),
        ([f"_cffi_backend{SO}"], {"_cffi_backend"}),
        (["data/only/numbers.csv"], set()),
        ([], set()),
    ],
)
def test_modules_are_what_can_be_imported(files: list[str], expected: set[str]) -> None:
    assert of_files(files).names == expected


def test_a_folder_without_init_is_a_namespace_until_the_first_regular_package() -> None:
    found = of_files(["google/protobuf/__init__.py", "google/protobuf/internal/x.py", "google/_upb/_message.abi3.so"])
    assert found.namespaces == {"google", "google._upb"}
    assert {"google.protobuf", "google.protobuf.internal", "google._upb._message"} < found.names


def test_a_namespace_is_followed_to_its_first_regular_package() -> None:
    found = of_files(["o/exporter/otlp/proto/grpc/__init__.py", "o/exporter/otlp/proto/grpc/trace/__init__.py"])
    assert "o.exporter.otlp.proto.grpc" in found.names
    assert "o.exporter.otlp.proto.grpc.trace" not in found.names
    assert found.namespaces == {"o", "o.exporter", "o.exporter.otlp", "o.exporter.otlp.proto"}


def test_plain_modules_below_folders_without_init_are_reached_too() -> None:
    assert "a.b.c.d" in of_files(["a/b/c/d.py"]).names


def test_a_folder_without_init_inside_a_package_is_no_namespace() -> None:
    assert of_files(["p/__init__.py", "p/data/load.py"]).namespaces == set()


def test_a_module_beside_a_folder_of_its_name_is_no_namespace() -> None:
    assert of_files(["a/b.py", "a/b/c.py"]).namespaces == {"a"}


def test_depth_is_bounded() -> None:
    found = of_files(["/".join("abcdefghijklmnop") + ".py"])
    assert max(name.count(".") for name in found.names) == 7


def test_folders_in_folders_without_end() -> None:
    start = time.process_time()
    found = of_files("/".join(["a"] * 2000 + [f"m{number}.py"]) for number in range(2000))
    assert max(found.names, key=len) == ".".join("a" * 8)
    assert found.namespaces == found.names
    assert time.process_time() - start < 60
