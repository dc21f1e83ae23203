"""The rules about what goes together: torch, CUDA, Python, GPUs, and the packages around them."""

from __future__ import annotations

from slimtorch.findings import Rule, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

BUILD = Rule(
    "DEP721", ERROR, "torch was built for the CUDA version that is asked for",
    "a wheel holds code for one CUDA version, and most pairs of a torch and a CUDA version were never built",
    "change [torch] cuda, or the version of torch that the requirements ask for",
)  # fmt: skip
PYTHON = Rule(
    "DEP722", ERROR, "torch has a wheel for the service's Python",
    "without one, torch would have to be compiled from source",
    "change [project] python, or the version of torch that the requirements ask for",
)  # fmt: skip
GPU = Rule(
    "DEP723", ERROR, "torch holds code for every GPU that the service is meant for",
    "a GPU without code fails at the first operation, with 'no kernel image is available'; one with PTX only waits for "
    "the driver to compile at the first start",
    "take the torch and CUDA versions that are named, or change [torch] gpus",
)  # fmt: skip
PARTNER = Rule(
    "DEP724", ERROR, "torchvision and torchaudio are of the release that was built for this torch",
    "their compiled operators load into one torch release and no other",
    "ask for the release that is named",
)  # fmt: skip
SAME_DEVICE = Rule(
    "DEP725", ERROR, "torchvision and torchaudio are built for the device that torch is built for",
    "the operators of a CUDA build do not load beside a CPU torch, and those of a CPU build do not run on a GPU",
    "take all of them from the same index: all +cpu, or all for the same CUDA version",
)  # fmt: skip
TRITON = Rule(
    "DEP726", WARNING, "triton is the release that this torch was tested with",
    "torch.compile calls parts of triton that change with every release",
    "leave triton to torch, which asks for the right one",
)  # fmt: skip
ONE_CUDA = Rule(
    "DEP727", WARNING, "all packages bring the same major version of CUDA",
    "a second CUDA is gigabytes for nothing; where two packages bring the same file, one of them is overwritten",
    "choose versions of these packages that are made for the same CUDA",
)  # fmt: skip
ONNX = Rule(
    "DEP728", WARNING, "onnxruntime-gpu finds the CUDA and the cuDNN that it was built for",
    "without them it says so once, and computes on the CPU",
    "take the release of onnxruntime-gpu for the CUDA that torch brings, or ask for onnxruntime-gpu[cuda,cudnn]",
)  # fmt: skip
NUMPY = Rule(
    "DEP729", ERROR, "compiled packages run with the major version of numpy that is locked",
    "code that was compiled against numpy 1 is refused by numpy 2 when it is imported",
    "take the release that is named, or ask for numpy<2",
)  # fmt: skip
FRAMEWORKS = Rule(
    "DEP730", INFO, "one framework computes",
    "each brings its own kernels, and often its own CUDA: a second one is hundreds of megabytes at least",
    "drop the one that the service does not call",
)  # fmt: skip
DRIVER = Rule(
    "DEP731", INFO, "the driver that the hosts need",
    "the driver belongs to the host and not to the image; CUDA does not start on an older one",
    "compare it with what nvidia-smi prints on the hosts",
)  # fmt: skip

RULES = (
    BUILD, PYTHON, GPU, PARTNER, SAME_DEVICE, TRITON, ONE_CUDA, ONNX, NUMPY, FRAMEWORKS, DRIVER,
)  # fmt: skip
