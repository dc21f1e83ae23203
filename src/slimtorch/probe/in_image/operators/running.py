"""How networks are run and kept: training, autocast, files, workers, compiled code. On GPUs: graphs, NVRTC, NCCL."""

from __future__ import annotations

import io

from .rig import Rig, Tensor, family, torch

nn = torch.nn


@family("training")
def _training(r: Rig) -> Tensor:
    made: list[Tensor] = []
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        net = r.layer(nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 4)))
        optimizer = kind(net.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            net(r.rand(8, 24)).square().mean().backward()
            optimizer.step()
        made += [parameter.detach() for parameter in net.parameters()]
    return made


@family("autocast")
def _autocast(r: Rig) -> Tensor:
    with torch.autocast(r.device.partition(":")[0], dtype=torch.bfloat16):
        return r.layer(nn.Linear(64, 64))(r.rand(64, 64)).softmax(-1)


@family("vmap")
def _vmap(r: Rig) -> Tensor:
    return torch.func.vmap(torch.func.grad(lambda x: x.sin().sum()))(r.rand(8, 9))


@family("nested")
def _nested(r: Rig) -> Tensor:
    return torch.nested.to_padded_tensor(torch.nested.nested_tensor([r.rand(2, 8), r.rand(5, 8)]), 0.0)


@family("save-load")
def _saved(r: Rig) -> Tensor:
    stream = io.BytesIO()
    torch.save({"x": r.rand(99), "net": nn.Linear(4, 4).state_dict()}, stream)
    stream.seek(0)
    loaded = torch.load(stream, map_location="cpu", weights_only=True)
    return loaded["x"], list(loaded["net"].values())


@family("jit")
def _traced(r: Rig) -> Tensor:
    x, stream = r.rand(16, 16), io.BytesIO()
    torch.jit.save(torch.jit.trace(lambda x: (x @ x).relu() + x.sin(), (x,)), stream)
    stream.seek(0)
    again = torch.jit.load(stream, map_location=r.device)
    return [again(x) for _ in range(3)]  # the third call runs what the fuser made


@family("data-loader")
def _loader(r: Rig) -> Tensor:
    data = torch.utils.data.TensorDataset(r.rand(32, 4).cpu())
    loader = torch.utils.data.DataLoader(data, 8, num_workers=1, multiprocessing_context="fork", timeout=30)
    return [batch for (batch,) in loader]


@family("compile", slow=True)
def _compiled(r: Rig) -> Tensor:
    return torch.compile(lambda x: nn.functional.gelu(x @ x).softmax(-1).cumsum(0))(r.rand(64, 64))


@family("cuda-graph", gpu=True)
def _graph(r: Rig) -> Tensor:
    x, w, stream = r.rand(64, 64), r.rand(64, 64), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        warm = nn.functional.relu(x @ w)  # what is made at the first call must not be made while capturing
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = nn.functional.relu(x @ w) + warm
    x.copy_(r.rand(64, 64))
    graph.replay()
    torch.cuda.synchronize()
    return out


@family("jit-kernel", gpu=True)
def _kernel(r: Rig) -> Tensor:
    code = "template <typename T> T my_kernel(T x) { return x + x * x; }"
    compiled = torch.cuda.jiterator._create_jit_fn(code)  # noqa: SLF001  (it has no public name)
    return compiled(r.rand(999))


@family("pinned-memory", gpu=True)
def _pinned(r: Rig) -> Tensor:
    made = r.rand(9999).cpu().pin_memory().to(r.device, non_blocking=True) * 2
    torch.cuda.synchronize()
    return made


@family("all-reduce", gpu=True)
def _all_reduce(r: Rig) -> Tensor:
    group = torch.distributed
    group.init_process_group("nccl", store=group.HashStore(), rank=0, world_size=1)
    try:
        x = r.rand(999)
        group.all_reduce(x)
        torch.cuda.synchronize()
    finally:
        group.destroy_process_group()
    return x
