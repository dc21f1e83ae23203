"""Uses of things of interest: what is called on torch and its kind, devices and providers named in texts."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.inventory.code import lines
from slimtorch.inventory.code.expressions import called, literal, literals, text
from slimtorch.inventory.code.model import Reference
from slimtorch.inventory.code.statements import chain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from slimtorch.inventory.code.model import Role

INTERESTS = frozenset({
    "torch", "torchvision", "torchaudio", "torchtext", "torch_tensorrt", "pytorch_lightning", "lightning", "ignite",
    "cv2", "onnxruntime", "onnx", "tensorrt", "tensorflow", "tf_keras", "keras", "jax", "jaxlib", "cupy", "cupyx",
    "cudf", "cuml", "pycuda", "pynvml", "numba", "triton", "deepspeed", "flashinfer", "flash_attn", "xformers",
    "bitsandbytes", "apex", "vllm", "transformers", "accelerate", "diffusers", "sentence_transformers", "faiss",
    "paddle", "mxnet", "ctranslate2", "faster_whisper", "whisper", "ultralytics", "easyocr", "llama_cpp", "xgboost",
    "lightgbm", "catboost", "spacy", "thinc", "matplotlib", "setuptools", "torch_xla", "intel_extension_for_pytorch",
    "importlib.metadata", "importlib_metadata", "pkg_resources",
})  # fmt: skip
"""Modules whose uses tell about devices, compilers and what could be swapped."""

METHODS = frozenset({"cuda", "to", "compile", "cpu", "xpu", "mps"})
"""Methods that matter whatever object they are called on."""

VARIABLES = frozenset({
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "TORCH_CUDA_ARCH_LIST",
    "PYTORCH_CUDA_ALLOC_CONF", "TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE", "NUMBA_DISABLE_JIT",
    "PYTORCH_ENABLE_MPS_FALLBACK", "TRITON_INTERPRET", "TRITON_CACHE_DIR", "NUMBA_CACHE_DIR", "HIP_VISIBLE_DEVICES",
    "CC", "CXX",
})  # fmt: skip
"""Environment variables that decide about devices and compilers."""

_TEXT = re.compile(r"(?:cuda|xpu|hip|mps|gpu|GPU)(?::\d+)?|nccl|gloo|inductor|[A-Za-z]+ExecutionProvider|cuda\d+x?")
TEXTS = f"{_TEXT.pattern}|{'|'.join(sorted(VARIABLES))}"
"""Texts of interest, for whoever looks through all texts of a file."""
_DEVICE = re.compile(r"device|map_location|\.to\(", re.IGNORECASE)
_QUOTED_CPU = ('"cpu', "'cpu")
_METHOD_CUDA = (".cuda(",)
_METHODS = re.compile(rf"\.(?:{'|'.join(sorted(METHODS))})\(")


@dataclass(frozen=True, slots=True)
class Interest:
    """What is looked for in one file: the names that stand for modules, and those among them that are of interest."""

    aliases: Mapping[str, tuple[str, ...]]
    modules: frozenset[str]
    tops: frozenset[str]
    parents: frozenset[str]

    def of(self, dotted: str) -> bool:
        """Whether a dotted name is one of the modules of interest, or lies below one."""
        top, _, rest = dotted.partition(".")
        if top in self.modules:
            return True
        while rest and top in self.parents:
            part, _, rest = rest.partition(".")
            top = f"{top}.{part}"
            if top in self.modules:
                return True
        return False

    def resolve(self, node: ast.expr) -> tuple[str, ...] | None:
        """The full names that an expression may stand for: () where it is known and of no interest, None if unknown."""
        base = node
        while isinstance(base, ast.Attribute):
            base = base.value
        known = self.aliases.get(base.id) if isinstance(base, ast.Name) else None
        if known is None:
            return None
        _, dot, rest = chain(node).partition(".")
        return tuple(full for name in known if self.of(full := f"{name}{dot}{rest}"))


def interest(aliases: Mapping[str, tuple[str, ...]], modules: Collection[str]) -> Interest:
    """What to look for in a file that binds these names."""
    return Interest(aliases, *_prepared(frozenset(modules)))


@cache
def _prepared(modules: frozenset[str]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    tops = frozenset(module.partition(".")[0] for module in modules)
    return modules, tops, frozenset(part for module in modules for part in _parents(module))


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def looks(source: str, seen: Interest) -> lines.Lines:
    """The lines on which something of interest may be used, `TEXTS` left out: the caller looks for those."""
    found = lines.holding(source, _METHOD_CUDA)
    found += [at for at in lines.holding(source, _QUOTED_CPU) if _speaks_of_device(source, at)]
    names = [name for name, full in seen.aliases.items() if any(part.partition(".")[0] in seen.tops for part in full)]
    if names:
        found += lines.words(source, names)
    if names or "torch" in source or "cuda" in source:
        found += lines.matching(source, _METHODS)
    return lines.at(source, found)


def _speaks_of_device(source: str, at: int) -> bool:
    """Whether the line, as far as it is near, says that the ``"cpu"`` at this offset is a device."""
    before = source[max(0, at - 200) : at].rpartition("\n")[2]
    after = source[at : at + 200].partition("\n")[0]
    return _DEVICE.search(before + after) is not None


class Reader:
    """Takes the nodes of one file, parents first, and keeps the references among them."""

    __slots__ = ("_covered", "_path", "_role", "_seen", "references")

    def __init__(self, seen: Interest, path: str, role: Role) -> None:
        self._seen = seen
        self._path = path
        self._role = role
        self._covered: set[int] = set()
        self.references: list[Reference] = []

    def see(self, node: ast.AST) -> bool:
        """Take one node; False where it is a name that was resolved, whose parts say nothing by themselves."""
        kind = type(node)
        if kind is ast.Name or kind is ast.Attribute:
            return id(node) not in self._covered and not self._chain(node, None)  # type: ignore[arg-type]
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in self._covered:
                self._text(node)
        elif isinstance(node, ast.Assign):
            self._variable(node.targets[0], node.value)
        return True

    def _add(self, name: str, line: int, arguments: tuple[str, ...] | None) -> None:
        self.references.append(Reference(name, Location(self._path, line), self._role, arguments))

    def _chain(self, node: ast.expr, call: ast.Call | None) -> bool:
        """Whether the names are known; those of interest are kept."""
        full = self._seen.resolve(node)
        if full:
            arguments = None if call is None else literals(call)
            for name in full:
                self._add(name, node.lineno, arguments)
        return full is not None

    def _call(self, node: ast.Call) -> None:
        function = node.func
        if self._chain(function, node):
            self._covered.add(id(function))
        elif isinstance(function, ast.Attribute) and function.attr in METHODS:
            self._add(f".{function.attr}", function.end_lineno or node.lineno, literals(node))
        if called(node) in {"setdefault", "putenv", "setenv"} and len(node.args) == 2:
            self._set(node.args[0], node.args[1])

    def _variable(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Subscript):
            self._set(target.slice, value)

    def _set(self, name: ast.expr, value: ast.expr) -> None:
        """``os.environ["CUDA_VISIBLE_DEVICES"] = ""``: the text is kept with what it is set to."""
        if text(name) in VARIABLES:
            self._covered.add(id(name))
            self._add(repr(text(name)), name.lineno, tuple(filter(None, [literal(value)])))

    def _text(self, node: ast.Constant) -> None:
        value: str = str(node.value)
        if value in VARIABLES or _TEXT.fullmatch(value) or value.partition(":")[0] == "cpu":
            self._add(repr(value), node.lineno, None)
