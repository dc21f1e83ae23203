from __future__ import annotations

import time

import pytest

from slimtorch.inventory.distributions import Distribution, Owners
from slimtorch.inventory.modules import of_files


def made(name: str, *files: str) -> Distribution:
    found = of_files(files)
    return Distribution(name, "1", found.names, namespaces=found.namespaces)


def assumed(name: str, *modules: str, namespaces: tuple[str, ...] = ()) -> Distribution:
    return Distribution(name, "1", frozenset((*modules, *namespaces)), assumed=True, namespaces=frozenset(namespaces))


def owners(*items: Distribution) -> Owners:
    return Owners({item.name: item for item in items})


LOCK = owners(
    made("protobuf", "google/protobuf/__init__.py", "google/protobuf/internal/x.py", "google/_upb/_message.abi3.so"),
    made("google-auth", "google/auth/__init__.py", "google/oauth2/__init__.py"),
    made("google-cloud-storage", "google/cloud/storage/__init__.py"),
    made("google-cloud-core", "google/cloud/client/__init__.py", "google/cloud/exceptions/__init__.py"),
    made("opencv-python", "cv2/__init__.py"),
    made("opencv-python-headless", "cv2/__init__.py"),
    made("pyyaml", "yaml/__init__.py", "_yaml/__init__.py"),
    made("ruamel-yaml", "ruamel/yaml/__init__.py"),
    made("ruamel-yaml-clib", "_ruamel_yaml.cpython-311-x86_64-linux-gnu.so"),
    made("zope-interface", "zope/interface/__init__.py"),
    made("azure-core", "azure/core/__init__.py"),
    made("azure-storage-blob", "azure/storage/blob/__init__.py"),
    made("backports-tarfile", "backports/tarfile.py"),
    made("opentelemetry-api", "opentelemetry/trace/__init__.py", "opentelemetry/context/__init__.py"),
    made("otlp-grpc", "opentelemetry/exporter/otlp/proto/grpc/__init__.py"),
    made("otlp-http", "opentelemetry/exporter/otlp/proto/http/__init__.py"),
    made("old-one", "ns/__init__.py", "ns/one/__init__.py"),
    made("old-two", "ns/__init__.py", "ns/two/__init__.py"),
    made("plugin", "torch/extra/__init__.py"),
    made("torch", "torch/__init__.py", "torch/nn/__init__.py", "torch/nn/functional.py"),
)


@pytest.mark.parametrize(
    ("module", "names", "expected"),
    [
        ("google.cloud", ("storage",), {"google-cloud-storage"}),
        ("google.cloud", ("storage", "exceptions"), {"google-cloud-storage", "google-cloud-core"}),
        ("google.cloud.storage", ("Client",), {"google-cloud-storage"}),
        ("google.protobuf", (), {"protobuf"}),
        ("google.protobuf.internal.deep.deeper", ("x",), {"protobuf"}),
        ("google", ("auth",), {"google-auth"}),
        ("google", ("nothing",), set()),
        ("google.nothing", (), set()),
        ("google", (), {"protobuf", "google-auth", "google-cloud-storage", "google-cloud-core"}),
        ("cv2", (), {"opencv-python", "opencv-python-headless"}),
        ("yaml", ("safe_load",), {"pyyaml"}),
        ("ruamel.yaml", (), {"ruamel-yaml"}),
        ("ruamel", ("yaml",), {"ruamel-yaml"}),
        ("zope.interface", ("implementer",), {"zope-interface"}),
        ("azure.storage.blob", ("BlobClient",), {"azure-storage-blob"}),
        ("azure.core.exceptions", (), {"azure-core"}),
        ("backports", ("tarfile",), {"backports-tarfile"}),
        ("opentelemetry", ("trace",), {"opentelemetry-api"}),
        ("opentelemetry.exporter.otlp.proto.http.trace_exporter", ("X",), {"otlp-http"}),
        ("ns.one", (), {"old-one"}),
        ("ns", ("two",), {"old-two"}),
        ("ns", ("three",), {"old-one", "old-two"}),
        ("torch.nn.functional", ("relu",), {"torch"}),
        ("torch", ("Tensor",), {"torch"}),
        ("torch", ("extra",), {"plugin"}),
        ("torch", ("*",), {"torch", "plugin"}),
        ("nothing", (), set()),
        ("yamlish", (), set()),
        ("", (), set()),
    ],
)
def test_the_longest_name_that_somebody_brings_decides(module: str, names: tuple[str, ...], expected: set[str]) -> None:
    assert LOCK.of(module, names) == expected


def test_assumed_modules_answer_only_where_no_certain_ones_do() -> None:
    found = owners(
        made("opencv-python", "cv2/__init__.py"),
        assumed("opencv-contrib-python", "cv2", "cv2.aruco"),
        assumed("pyyaml", "yaml"),
        assumed("google-cloud-vision", "google.cloud.vision", namespaces=("google", "google.cloud")),
        made("google-auth", "google/__init__.py", "google/auth/__init__.py"),
    )
    assert found.of("cv2") == {"opencv-python"}
    assert found.of("yaml") == {"pyyaml"}
    # An older way of sharing a name (pkgutil) makes google a regular package of everybody.
    assert "google-cloud-vision" in found.of("google.cloud", ("vision",))
    assert found.of("google.auth") == {"google-auth"}
    assert found.of("cv2", ("aruco",)) == {"opencv-python", "opencv-contrib-python"}


def test_thousands_of_questions_take_milliseconds() -> None:
    many = [made(f"d{n}", *[f"p{n}/m{k}.py" for k in range(200)], f"p{n}/__init__.py") for n in range(200)]
    asked = owners(*many)
    start = time.process_time()
    assert all(asked.of(f"p{n % 200}.m3.deep", ("x", "y")) == {f"d{n % 200}"} for n in range(5000))
    assert time.process_time() - start < 60
