"""Elements: arithmetic, reductions, order, scattering, random numbers. On GPUs: torch's own kernels, CUB, cuRAND."""

from __future__ import annotations

from .rig import Rig, Tensor, family, torch


@family("reductions")
def _reductions(r: Rig) -> Tensor:
    x = r.rand(33, 4001)
    calls = torch.sum, torch.mean, torch.std, torch.amax, torch.logsumexp
    whole = x.prod(), x.norm(), x.double().var(), x.half().sum(), x.argmax(1), (x > 3).any(1)
    return [call(x, dim) for call in calls for dim in (0, 1)], whole


@family("scans")
def _scans(r: Rig) -> Tensor:
    x = r.rand(9, 2001)
    return x.cumsum(1), x.cumprod(1), x.cummax(0), x.logcumsumexp(1), x.diff()


@family("sort-topk")
def _sort(r: Rig) -> Tensor:
    x = r.rand(17, 3001)
    return x.sort(stable=True), x.topk(5), x.kthvalue(9), x.median(1), x.ravel().sort()[0], (x[0] * 9).int().unique()


@family("searching")
def _searching(r: Rig) -> Tensor:
    x, edges = r.rand(5000), r.rand(64).sort()[0]
    return torch.searchsorted(edges, x), torch.bucketize(x, edges), x.histc(50), torch.bincount(r.ints(77, 5000))


@family("scatter")
def _scatter(r: Rig) -> Tensor:
    x, index = r.rand(64, 300), r.ints(64, 64, 300)
    zeros = torch.zeros_like(x)
    reduced = [zeros.scatter_reduce(0, index, x, how) for how in ("sum", "amax", "mean")]
    put = zeros.index_put((index[0],), x[:1], accumulate=True)
    return reduced, zeros.scatter_add(0, index, x), x.index_add(0, index[:, 0], x), put


@family("gather")
def _gather(r: Rig) -> Tensor:
    x, index = r.rand(64, 300), r.ints(64, 64, 300)
    picked = x.gather(0, index), x[index[0]], x.index_select(0, index[0]), x.take(index)
    return picked, x.masked_select(x > 0), x.nonzero(), x.roll(7, 1), x.tril()


@family("elementwise")
def _elementwise(r: Rig) -> Tensor:
    x = r.rand(3001)
    waves = x.exp(), x.sin(), x.tanh(), x.sigmoid(), x.abs().log1p(), x.abs().sqrt(), x.atan2(x.flip(0)), x.abs() ** 1.7
    return waves, torch.where(x > 0, x, -x), torch.lerp(x, x * 2, 0.3), torch.addcmul(x, x, x), x.fmod(0.7), x.clamp(0)


@family("conversions")
def _conversions(r: Rig) -> Tensor:
    x = r.rand(3001) * 9
    kinds = torch.float16, torch.bfloat16, torch.int32, torch.int8, torch.bool, torch.float64, torch.complex64
    return [x.to(kind) for kind in kinds]


@family("special-functions")
def _special(r: Rig) -> Tensor:
    x = r.rand(999, dtype=torch.float64).abs() + 0.1
    names = "digamma", "gammaln", "erfinv", "erfc", "bessel_j0", "i0e", "entr", "ndtri"
    return [getattr(torch.special, name)(x / (x.max() + 1)) for name in names], torch.special.zeta(x + 1, x)


@family("integers")
def _integers(r: Rig) -> Tensor:
    i = r.ints(1 << 30, 999)
    return i // 7, i % 13, i ^ 0x5555, i << 2, i >> 3, i.bitwise_not(), i.gcd(i.flip(0)), i.float().frexp()


@family("random-numbers")
def _random(r: Rig) -> Tensor:
    g = torch.Generator(r.device).manual_seed(7)
    x = torch.rand(999, generator=g, device=r.device)
    drawn = torch.multinomial(x, 50, generator=g), torch.bernoulli(x, generator=g), torch.poisson(x * 9, generator=g)
    made = torch.randn(999, generator=g, device=r.device), torch.randperm(999, generator=g, device=r.device)
    return x, drawn, made, torch.nn.functional.dropout(x), x.exponential_(generator=g), x.cauchy_(generator=g)
