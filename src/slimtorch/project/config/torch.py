"""``[torch]``: the device that torch is resolved for, the CUDA version, and the GPUs that the service is meant for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import text, texts
from slimtorch.project.config.reader import BadValueError, Key, Section, suggest
from slimtorch.project.model import Torch
from slimtorch.tables import gpus
from slimtorch.tables.torch import cuda_of, cuda_versions, parse

if TYPE_CHECKING:
    from slimtorch.project.config.reader import Table
    from slimtorch.tables.gpus import Gpu

_CUDA = re.compile(r"\d{1,2}\.\d{1,2}")
_ARCHITECTURE = re.compile(r"(?:sm_?|compute_)?(\d{1,2})(\d)[af]?")


def _device(value: object) -> str:
    if (found := text(value)) in {"cpu", "cuda"}:
        return found
    hint = f'write device = "cuda" and cuda = "{version}"' if (version := cuda_of(found)) else ""
    raise BadValueError(f'must be "cpu" or "cuda", not {value!r}', hint)


def _cuda(value: object) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        raise BadValueError("must be text, not a number", f'write it in quotes: cuda = "{float(value)}"')
    found, known = text(value), cuda_versions()
    if found in known:
        return found
    short = cuda_of(found) or ".".join(str(number) for number in parse(found)[:2])
    if short in known:
        raise BadValueError(f"must be a CUDA version such as {known[-1]}, not {found!r}", f'write cuda = "{short}"')
    versions = ", ".join(known)
    if not _CUDA.fullmatch(found):
        raise BadValueError(f"must be a CUDA version, not {found!r}: one of {versions}")
    raise BadValueError(f"no torch that slimtorch knows was built for CUDA {found}, only for {versions}" + _near(found))


def _near(cuda: str) -> str:
    wanted = parse(cuda)
    same = [version for version in cuda_versions() if parse(version)[0] == wanted[0]]
    nearest = min(same, key=lambda version: abs(parse(version)[1] - wanted[1]), default="")
    return f"; did you mean `{nearest}`?" if nearest else ""


def _gpus(value: object) -> tuple[Gpu, ...]:
    if isinstance(value, list) and any(isinstance(item, float | int) for item in value):
        raise BadValueError("must be texts, not numbers", 'write compute capabilities in quotes: gpus = ["9.0"]')
    found = dict.fromkeys(gpu(name) for name in texts(value))
    if not found:
        raise BadValueError("names no GPU", "leave the key out, or name one, such as h100")
    return tuple(found)


def gpu(name: str) -> Gpu:
    """The GPU of a name or a compute capability.

    Raises:
        BadValueError: no such GPU is known; the message says what was perhaps meant.
    """
    if found := gpus.find(name):
        return found
    match = _ARCHITECTURE.fullmatch(name.lower())
    if match and gpus.find(capability := f"{match[1]}.{match[2]}"):
        raise BadValueError(f"{name!r} is an architecture", f'write the compute capability: gpus = ["{capability}"]')
    if re.fullmatch(r"\d+(\.\d+)*", name):
        known = ", ".join(gpus.capabilities())
        raise BadValueError(f"{name!r} is not a compute capability that slimtorch knows: {known}")
    raise BadValueError(
        f"{name!r} is not a GPU that slimtorch knows" + suggest(name, list(gpus.gpus())),
        'give its compute capability instead, such as gpus = ["9.0"]; known are ' + ", ".join(gpus.gpus()),
    )


DEVICE = Key(
    "device",
    _device,
    "",
    "What the service computes on. `cpu` finds a torch without CUDA, which is gigabytes smaller.",
    '`"cuda"` where `cuda` or `gpus` is given, else decided from the code: `slimtorch lock` says which and why',
    '"cpu"',
)
CUDA = Key("cuda", _cuda, "", "The CUDA version that torch is built for.", "the one of the torch that is found",
           '"13.0"')  # fmt: skip
GPUS: Key[tuple[Gpu, ...]] = Key(
    "gpus",
    _gpus,
    (),
    "The GPUs that the service is meant for, by name or by compute capability: `slimtorch lock` refuses a torch "
    "without code for one of them.",
    "any",
    '["h100", "l4"]',
)
SECTION = Section("torch", "Which torch, and for which GPUs.", (DEVICE, CUDA, GPUS))


def read(table: Table) -> Torch:
    """The section; a CUDA version and GPUs exclude the device ``cpu``, and mean ``cuda`` where no device is given."""
    device = table.read(DEVICE)
    given = [key for key in (CUDA, GPUS) if key in table]
    if device == "cpu":
        for key in given:
            table.bad(key, 'does not go with torch.device = "cpu"', 'drop it, or set device = "cuda"')
    return Torch(device or ("cuda" if given else ""), table.read(CUDA), table.read(GPUS))
