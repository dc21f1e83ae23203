"""Matrices: products, factors, sparse ones, spectra. On GPUs: cuBLAS, cuBLASLt, cuSOLVER, cuSPARSE, cuFFT."""
# ruff: noqa: SLF001
# Some operators have no public name; their kernels count all the same.

from __future__ import annotations

import importlib

from .rig import Rig, Tensor, family, torch


def _products(r: Rig, dtype: Tensor) -> Tensor:
    a, b = r.rand(r.n, r.n, dtype=dtype), r.rand(r.n, r.n + 8, dtype=dtype)
    return a @ b, a @ b[:, 0], torch.bmm(a.view(8, -1, r.n), b.expand(8, -1, -1))


@family("matmul-fp32")
def _fp32(r: Rig) -> Tensor:
    return _products(r, torch.float32)


@family("matmul-tf32")
def _tf32(r: Rig) -> Tensor:
    matmul = torch.backends.cuda.matmul
    was, matmul.allow_tf32 = matmul.allow_tf32, True
    try:
        return _products(r, torch.float32)
    finally:
        matmul.allow_tf32 = was


@family("matmul-fp16")
def _fp16(r: Rig) -> Tensor:
    return _products(r, torch.float16)


@family("matmul-bf16")
def _bf16(r: Rig) -> Tensor:
    return _products(r, torch.bfloat16)


@family("matmul-fp64")
def _fp64(r: Rig) -> Tensor:
    return _products(r, torch.float64)


@family("matmul-complex")
def _complex(r: Rig) -> Tensor:
    return _products(r, torch.complex64)


@family("matmul-int8")
def _int8(r: Rig) -> Tensor:
    a, b = ((r.ints(255, r.n, r.n) - 127).to(torch.int8) for _ in range(2))
    return torch._int_mm(a, b)


@family("matmul-fp8")
def _fp8(r: Rig) -> Tensor:
    a, b = (r.rand(r.n, r.n).to(torch.float8_e4m3fn) for _ in range(2))
    one = torch.ones((), device=r.device)
    return torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


@family("linear-epilogues")
def _epilogues(r: Rig) -> Tensor:
    made = []
    for dtype in (torch.float32, r.half):
        x, w, b = r.rand(r.n, r.n, dtype=dtype), r.rand(r.n, r.n, dtype=dtype), r.rand(r.n, dtype=dtype)
        made += [torch._addmm_activation(b, x, w, use_gelu=gelu) for gelu in (False, True)]
        made += [torch.nn.functional.linear(x, w, b), torch.addmm(b, x, w, beta=0.5, alpha=2)]
    return made


@family("einsum-cdist")
def _einsum(r: Rig) -> Tensor:
    a = r.rand(4, 20, 8)
    return torch.einsum("bij,bkj->bik", a, a), torch.cdist(a, a), torch.tensordot(a, a, ([0, 2], [0, 2]))


def _positive(r: Rig, n: int) -> Tensor:
    a = r.rand(n, n, dtype=torch.float64)
    return a @ a.T + n * torch.eye(n, dtype=torch.float64, device=r.device)


@family("linalg-factors")
def _factors(r: Rig) -> Tensor:
    a, tall = _positive(r, 48), r.rand(60, 20, dtype=torch.float64)
    linalg = torch.linalg
    return linalg.cholesky(a), linalg.qr(tall), linalg.lu_factor(a), linalg.slogdet(a), linalg.inv(a)


@family("linalg-solve")
def _solve(r: Rig) -> Tensor:
    a, b = _positive(r, 48), r.rand(48, 5, dtype=torch.float64)
    linalg = torch.linalg
    triangular = linalg.solve_triangular(a.triu(), b, upper=True), torch.cholesky_solve(b, linalg.cholesky(a))
    # LAPACK's least squares differ from run to run in the last bits.
    least = linalg.lstsq(a, b).solution if r.gpu else ()
    return linalg.solve(a, b), linalg.matrix_exp(a / 1000), triangular, least


@family("linalg-eigen")
def _eigen(r: Rig) -> Tensor:
    a = _positive(r, 40)
    return torch.linalg.eigvalsh(a), torch.linalg.svdvals(a), torch.linalg.pinv(a), torch.linalg.eigvals(a).real.sort()


@family("linalg-batched")
def _batched(r: Rig) -> Tensor:
    a = _positive(r, 16).float().expand(50, 16, 16).contiguous()
    return torch.linalg.inv(a), torch.linalg.cholesky(a), torch.linalg.solve(a, a[:, :, :2])


@family("sparse")
def _sparse(r: Rig) -> Tensor:
    dense = r.rand(64, 64) * (r.rand(64, 64) > 1)
    coo, csr = dense.to_sparse(), dense.to_sparse_csr()
    return torch.sparse.mm(coo, dense), torch.sparse.sum(coo, 0), csr @ dense, csr @ dense[0], torch.sparse.mm(coo, coo)


@family("sparse-2-4", gpu=True)
def _semi_structured(r: Rig) -> Tensor:
    sparse = importlib.import_module("torch.sparse")
    mask = torch.tensor([0, 0, 1, 1], device=r.device).tile(r.n, r.n // 4)
    half = r.rand(r.n, r.n, dtype=torch.float16)
    return torch.mm(sparse.to_sparse_semi_structured(half * mask), half)


@family("fft-real")
def _real(r: Rig) -> Tensor:
    spectrum = torch.fft.rfft(r.rand(8, 480))
    return spectrum, torch.fft.irfft(spectrum), torch.fft.rfft2(r.rand(30, 49))


@family("fft-complex")
def _many(r: Rig) -> Tensor:
    return [torch.fft.fftn(r.rand(8, 12, 35, dtype=dtype)) for dtype in (torch.complex64, torch.complex128)]


@family("fft-windows")
def _windows(r: Rig) -> Tensor:
    window, waves = torch.hann_window(256, device=r.device), r.rand(2, 4000)
    spectrum = torch.stft(waves, 256, window=window, return_complex=True)
    return spectrum, torch.istft(spectrum, 256, window=window)
