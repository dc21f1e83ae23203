from __future__ import annotations

import pytest

from slimtorch.elf.file import ElfFile
from slimtorch.slim.vendor import is_vendor

SITE = "usr/lib/python3/site-packages"


@pytest.mark.parametrize(
    ("path", "soname", "owner"),
    [
        ("torch/lib/libtorch_cuda.so", "libtorch_cuda.so", "wheel:torch==2.14.1"),
        ("torch/lib/libc10_cuda.so", "libc10_cuda.so", "wheel:torch==2.14.1"),
        ("triton/_C/libtriton.so", "libtriton.so", "wheel:triton==3.8.0"),
        ("triton/_C/libproton.so", "libproton.so", "wheel:triton==3.8.0"),
        ("torchvision/_C.so", "", "wheel:torchvision==0.29.1"),
        ("vllm/_C.abi3.so", "", "wheel:vllm==0.9"),
        ("bitsandbytes/libbitsandbytes_cuda128.so", "", "wheel:bitsandbytes==0.46"),
        ("libgomp.so.1", "libgomp.so.1", "deb:libgomp1=12"),
    ],
)
def test_under_an_open_licence(path: str, soname: str, owner: str) -> None:
    assert not is_vendor(f"{SITE}/{path}", ElfFile("x86_64", soname), owner)


@pytest.mark.parametrize(
    ("path", "soname", "owner"),
    [
        ("triton/backends/nvidia/bin/ptxas", "", "wheel:triton==3.8.0"),
        ("triton/backends/nvidia/bin/ptxas-blackwell", "", "wheel:triton==3.8.0"),
        ("triton/backends/nvidia/lib/cupti/libcupti.so", "libcupti.so.12", "wheel:triton==3.8.0"),
        ("triton/backends/nvidia/lib/new/libunheardof.so", "", "wheel:triton==3.8.0"),
        ("torch/lib/libcudart-41118559.so.12", "libcudart-41118559.so.12", "wheel:torch==2.0.1"),
        ("torch/lib/libcudnn_ops_infer.so.8", "libcudnn_ops_infer.so.8", "wheel:torch==2.0.1"),
        ("torch/lib/renamed.so", "libcublasLt.so.12", "wheel:torch==2.0.1"),
        ("nvidia/nccl/lib/libnccl.so.2", "libnccl.so.2", "wheel:nvidia-nccl-cu13==2.30.7"),
        ("nvidia/cufile/lib/libnew.so", "libnew.so", "wheel:nvidia-new-cu14==1"),
        ("libcublas.so.12", "libcublas.so.12", "deb:libcublas12=12"),
        ("ours/fast.so", "", "wheel:ours==1"),
        ("ours/fast.so", "", ""),
    ],
)
def test_a_vendors_or_nobody_knows_whose(path: str, soname: str, owner: str) -> None:
    assert is_vendor(f"{SITE}/{path}", ElfFile("x86_64", soname), owner)
