"""What the code of a service says about GPUs: what needs one, what may use one, and whether it asks first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Form, Role
from slimtorch.tables import gpu_use

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Code, Reference

    Reason = tuple[str, Location]

_GUARDS = frozenset({
    "torch.cuda.is_available", "torch.cuda.device_count", "torch.cuda.is_initialized", "torch.cuda.is_bf16_supported",
    "torch.backends.cuda.is_built", "torch.version.cuda", "onnxruntime.get_available_providers",
})  # fmt: skip
"""Uses that ask whether there is a GPU."""
_FIRM = re.compile(
    r"torch\.cuda\.(?:set_device|current_device|synchronize|Stream|Event|CUDAGraph|graph|mem_get_info|get_device_\w+"
    r"|memory_reserved|current_stream)"
)
"""Uses that fail without a GPU."""
_TORCH_CUDA = re.compile(r"torch\.(?:cuda|backends\.(?:cudnn|cuda)|xpu)(?:\..+)?|torch\.accelerator(?:\..+)?")
_LENIENT = re.compile(r"torch\.(?:cuda\.)?(?:amp\.)?(?:autocast|GradScaler|custom_[fb]wd).*|torch\.profiler\..*")
"""Calls that name a GPU and go on without one."""
_DEVICE = re.compile(r"(?:\w+=)?'(?:cuda|hip)(?::\d+)?'|accelerator='(?:gpu|cuda)'")
_NUMBER = re.compile(r"(?:device|gpu|device_id|gpu_id|cuda_device)=\d+")
_MAPPED = re.compile(r"device_map=.+|n_gpu_layers=-?[1-9]\d*|use_gpu=True|gpu=True|pin_memory=True")
_CPU = re.compile(r"(?:(?:\w*device|accelerator)=)?'(?:cpu|gloo)'|(?:use_)?(?:gpu|cuda)=False|cpu=True|device=-1")
_PASSING = re.compile(r"\.to|torch\.(?!(?:set_default_)?device$).+")
"""Calls that put a tensor on the CPU and say nothing of the others."""
_TEXT = re.compile(
    r"'(?:(?:cuda|hip|gpu|GPU)(?::\d+)?|nccl|cuda\d+x?|(?:CUDA|Tensorrt|TensorRT|NvTensorRTRTX|ROCM|MIGraphX)\w*Provider)'"
)
_VISIBLE = frozenset({"'CUDA_VISIBLE_DEVICES'", "'NVIDIA_VISIBLE_DEVICES'", "'HIP_VISIBLE_DEVICES'"})
_HIDDEN = frozenset({"''", "'-1'", "'none'", "'void'"})
_MODULES = frozenset({
    "cupy", "cupyx", "pycuda", "pynvml", "triton", "tensorrt", "torch_tensorrt", "flash_attn", "flashinfer", "vllm",
    "xformers", "deepspeed", "bitsandbytes", "apex", "cudf", "cuml", "nvidia", "transformer_engine",
    "faiss.contrib.gpu", "numba.cuda",
})  # fmt: skip


def evidence(code: Code) -> tuple[list[Reason], list[Reason], bool]:
    """What cannot do without a GPU, what may use one, and whether the service asks if there is one.

    Tests, development files and imports for type checkers say nothing about the service.
    """
    references = [one for one in code.references if one.role is Role.SERVICE]
    guarded = any(one.name in _GUARDS for one in references)
    needs = [(said, one.location) for one in references if (said := _needs(one))]
    may = [(said, one.location) for one in references if not _needs(one) and (said := _may(one))]
    return needs, may + list(_imported(code)), guarded


def kept_on_cpu(code: Code, calls: Collection[str]) -> bool:
    """Whether the service makes these calls, and tells each of them to stay on the CPU."""
    made = [
        one for one in code.references if one.role is Role.SERVICE and one.name in calls and one.arguments is not None
    ]
    return bool(made) and all(any(map(_CPU.fullmatch, one.arguments or ())) for one in made)


def names_cpu(code: Code) -> bool:
    """Whether the service writes out somewhere that it computes on the CPU.

    One tensor that is made there, read to it first or brought back to it, does not say so of the model.
    """
    service = [one for one in code.references if one.role is Role.SERVICE]
    passing = {one.location for one in service if one.arguments is not None and _PASSING.fullmatch(one.name)}
    return any(
        one.name == "'cpu'" or any(map(_CPU.fullmatch, one.arguments or ()))
        for one in service
        if one.location not in passing
    )


def _needs(one: Reference) -> str:
    """What this reference does that fails without a GPU, or ''."""
    if one.name == ".cuda" and one.arguments is not None:
        return "calls .cuda()"
    if _FIRM.fullmatch(one.name):
        return f"uses {one.name}"
    given = one.arguments or ()
    if one.name == ".to" and given and given[0].isdecimal():
        return f"calls .to({given[0]})"
    if found := next((argument for argument in given if _DEVICE.fullmatch(argument)), ""):
        return "" if _LENIENT.fullmatch(one.name) else f"calls {one.name}({found})"
    return ""


def _may(one: Reference) -> str:
    """What this reference does that may be a use of a GPU, or ''."""
    if one.name in _GUARDS:
        return f"asks {one.name}"
    if _TORCH_CUDA.fullmatch(one.name) or _LENIENT.fullmatch(one.name):
        return f"uses {one.name}"
    if one.name in _VISIBLE:
        set_to = one.arguments[0] if one.arguments else ""
        return "" if set_to in _HIDDEN else f"names {one.name.strip(chr(39))}"
    if _TEXT.fullmatch(one.name):
        return f"names {one.name}"
    return "" if one.arguments is None else _called(one, one.arguments)


def _called(one: Reference, given: tuple[str, ...]) -> str:
    if found := next((text for text in given if _NUMBER.fullmatch(text) or _MAPPED.fullmatch(text)), ""):
        return f"calls {one.name}({found})"
    if any(map(_CPU.fullmatch, given)):
        return ""
    if one.name == "torch.device":
        return "takes its device from elsewhere: torch.device(…)"
    return f"calls {one.name}, which takes a GPU where there is one" if one.name in gpu_use.known().calls else ""


def _imported(code: Code) -> Iterator[Reason]:
    for one in code.imports:
        if one.role is not Role.SERVICE or one.form is Form.TYPING:
            continue
        dotted = {one.module, *(f"{one.module}.{name}" for name in one.names)}
        if one.top in _MODULES or dotted & _MODULES:
            yield f"imports {one.module}", one.location
        elif (called := sorted(dotted & gpu_use.known().calls)) and not kept_on_cpu(code, called):
            yield f"imports {called[0]}, which takes a GPU where there is one", one.location
