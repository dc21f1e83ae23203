"""What networks are made of: convolutions, attention, norms, losses, recurrent cells. On GPUs: cuDNN among others."""

from __future__ import annotations

import importlib

from .rig import Rig, Tensor, backward, family, torch

nn, F = torch.nn, torch.nn.functional


def _convolution(r: Rig, dims: int, *, transposed: bool = False, groups: int = 1, dtype: Tensor = None) -> Tensor:
    call = getattr(F, f"conv{'_transpose' if transposed else ''}{dims}d")
    x = r.rand(2, 16, *(12,) * dims, dtype=dtype, grad=True)
    w = r.rand(16, 16 // groups, *(3,) * dims, dtype=dtype, grad=True)
    return backward(call(x, w, stride=1 + (dims == 2), padding=1, groups=groups), x, w)


@family("conv-1d")
def _conv1d(r: Rig) -> Tensor:
    return _convolution(r, 1)


@family("conv-2d")
def _conv2d(r: Rig) -> Tensor:
    return _convolution(r, 2)


@family("conv-2d-half")
def _half(r: Rig) -> Tensor:
    return _convolution(r, 2, dtype=r.half)


@family("conv-2d-depthwise")
def _depthwise(r: Rig) -> Tensor:
    return _convolution(r, 2, groups=16)


@family("conv-2d-transposed")
def _transposed(r: Rig) -> Tensor:
    return _convolution(r, 2, transposed=True)


@family("conv-2d-channels-last")
def _channels_last(r: Rig) -> Tensor:
    x = r.rand(2, 16, 24, 24).to(memory_format=torch.channels_last)
    return r.layer(nn.Conv2d(16, 32, 3).to(memory_format=torch.channels_last))(x)


@family("conv-3d")
def _conv3d(r: Rig) -> Tensor:
    return _convolution(r, 3)


def _attention(r: Rig, kernel: str, dtype: Tensor) -> Tensor:
    attention = importlib.import_module("torch.nn.attention")
    q, k, v = (r.rand(2, 4, 64, 64, dtype=dtype, grad=True) for _ in range(3))
    with attention.sdpa_kernel(getattr(attention.SDPBackend, kernel)):
        return backward(F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k, v)


@family("attention-math")
def _math(r: Rig) -> Tensor:
    return _attention(r, "MATH", torch.float32)


@family("attention-flash")
def _flash(r: Rig) -> Tensor:
    return _attention(r, "FLASH_ATTENTION", r.half)


@family("attention-efficient", gpu=True)
def _efficient(r: Rig) -> Tensor:
    return _attention(r, "EFFICIENT_ATTENTION", torch.float32)


@family("attention-cudnn", gpu=True)
def _cudnn(r: Rig) -> Tensor:
    return _attention(r, "CUDNN_ATTENTION", torch.bfloat16)


@family("attention-masked")
def _masked(r: Rig) -> Tensor:
    q, k, v = (r.rand(2, 4, 48, 32) for _ in range(3))
    mask = r.ints(2, 48, 48).bool() | torch.eye(48, device=r.device).bool()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@family("attention-layers")
def _heads(r: Rig) -> Tensor:
    x = r.rand(9, 2, 64)
    encoder = nn.TransformerEncoderLayer(64, 4, 128, dropout=0)
    return r.layer(nn.MultiheadAttention(64, 4))(x, x, x), r.layer(encoder).eval()(x)


@family("norms")
def _norms(r: Rig) -> Tensor:
    x = r.rand(4, 16, 12, 12, grad=True)
    layers = nn.BatchNorm2d(16), nn.GroupNorm(4, 16), nn.InstanceNorm2d(16), nn.LayerNorm([16, 12, 12])
    evaluated = F.batch_norm(x, r.rand(16), r.rand(16).abs() + 1)
    return [backward(r.layer(layer)(x), x) for layer in layers], evaluated, F.local_response_norm(x, 3), F.normalize(x)


@family("norm-rms")
def _rms(r: Rig) -> Tensor:
    return F.rms_norm(r.rand(32, 128), (128,))


@family("softmax")
def _softmax(r: Rig) -> Tensor:
    x = r.rand(32, 700, grad=True)
    return backward(F.softmax(x, -1), x), backward(F.log_softmax(x, -1), x)


@family("losses")
def _losses(r: Rig) -> Tensor:
    x, y = r.rand(64, 10, grad=True), r.ints(10, 64)
    others = F.huber_loss(x, x * 2), F.binary_cross_entropy_with_logits(x, x.sigmoid()), F.kl_div(x, x.softmax(1))
    return backward(F.cross_entropy(x, y), x), others


@family("loss-ctc")
def _ctc(r: Rig) -> Tensor:
    spoken, written = (torch.full((4,), length, device=r.device) for length in (20, 7))
    return F.ctc_loss(F.log_softmax(r.rand(20, 4, 10), -1), r.ints(9, 4, 7) + 1, spoken, written)


@family("recurrent")
def _recurrent(r: Rig) -> Tensor:
    x = r.rand(7, 3, 24, grad=True)
    return [backward(r.layer(kind(24, 16, 2))(x), x) for kind in (nn.LSTM, nn.GRU, nn.RNN)]


@family("embedding")
def _embedding(r: Rig) -> Tensor:
    w, i = r.rand(500, 32, grad=True), r.ints(500, 8, 12)
    bags = [F.embedding_bag(i, w, mode=mode) for mode in ("sum", "mean", "max")]
    return backward(F.embedding(i, w), w), bags


@family("activations")
def _activations(r: Rig) -> Tensor:
    x = r.rand(2000, grad=True)
    names = "relu", "gelu", "silu", "elu", "leaky_relu", "mish", "softplus", "hardswish", "logsigmoid", "selu"
    return [backward(getattr(F, name)(x), x) for name in names]


@family("pooling")
def _pooling(r: Rig) -> Tensor:
    x = r.rand(2, 3, 17, 19)
    return F.max_pool2d(x, 2), F.avg_pool2d(x, 3), F.adaptive_avg_pool2d(x, 5), F.adaptive_max_pool2d(x, 5)


@family("resizing")
def _resizing(r: Rig) -> Tensor:
    x = r.rand(2, 3, 17, 19)
    grid = F.affine_grid(torch.eye(2, 3, device=r.device).expand(2, 2, 3), [2, 3, 9, 9], align_corners=False)
    sizes = [F.interpolate(x, size=(31, 8), mode=mode) for mode in ("nearest", "bilinear", "bicubic", "area")]
    return sizes, F.grid_sample(x, grid, align_corners=False), F.pad(x, [1, 2, 3, 4], "reflect"), F.unfold(x, 3)


@family("quantised")
def _quantised(r: Rig) -> Tensor:
    x = r.rand(64, 64)
    quantised = torch.quantize_per_tensor(x, 0.05, 0, torch.qint8)
    fake = torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127)
    return quantised.int_repr(), quantised.dequantize(), fake


@family("quantised-linear")
def _quantised_linear(r: Rig) -> Tensor:
    net = nn.Sequential(nn.Linear(64, 32))
    quantised = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    return quantised(r.rand(10, 64).cpu())
