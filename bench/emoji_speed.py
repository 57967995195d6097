"""The speed of the emoji cascade: seconds and network calls per picture, by runtime, and the share of the matmul rate.

    python bench/emoji_speed.py [--rounds 7] [--threads 2] [--runtimes torch,bf16,compiled,openvino,openvino-bf16,onnxruntime]

The networks have the shapes of the recipes. Their weights are random, which does not change the time. A prompt is read
before, as in a walk. Every round measures the calls of a whole walk in all runtimes in turn, and a square float32 matmul
beside them, so that other work of the machine slows all of them. The numbers are medians over the rounds.

- "share" is the rate of the network (2 operations per multiply-add of its convolutions and matmuls) over the rate of that
  matmul.
- "bf16" is what the package uses if the hardware has it (`models/precision.py`), and "torch" is its float32. Both have packed
  weights (`models/nets/prepacked.py`).
- "compiled" is torch.compile of float32. It is measured only if it is requested, because it compiles for up to two minutes
  per row.
- OpenVINO and ONNX Runtime are left out if they are not installed (pip install -c constraints.txt openvino onnx onnxscript
  onnxruntime).
- "error" is the root mean square difference from float32 PyTorch, over the root mean square of the output.
- "ready" is the time that a runtime needs, in its own process, from the PyTorch network to the end of the first call (import,
  conversion and compilation for this number of rows).
- "first" adds the calls of a walk: it is the time that a command waits which draws one batch.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from runtimes import RUNTIMES, Call, Inputs, available, prepare
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from noisewalk.models.nets.text_unet import TextUNet, TextUNetConfig
from noisewalk.models.nets.upscaler_unet import UPSCALER_32, UpscalerUNet


@dataclass(frozen=True)
class Stage:
    """A stage of the cascade: its network, the calls per picture, and the rows per picture in each call."""

    name: str
    network: nn.Module
    inputs: Callable[[int], Inputs]
    calls: int
    rows: int


class Drawing(nn.Module):
    """The function that a walk calls at every step: the network for words that have been read."""

    def __init__(self, network: TextUNet | UpscalerUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.network.denoise(*inputs)


def stages() -> list[Stage]:
    torch.manual_seed(0)
    first, second = (
        Drawing(TextUNet(TextUNetConfig(image_size=64, patch=4))),
        Drawing(UpscalerUNet(replace(UPSCALER_32, image_size=256))),
    )
    for network in (first, second):
        network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for parameter in network.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)  # zero-initialised layers would hide the error

    def words(n: int, network: Drawing) -> Inputs:
        mask = torch.arange(24).expand(n, -1) < 6
        return network.network.encode_text(torch.randn(n, 24, 192), mask), mask

    def picture(n: int, size: int) -> Tensor:
        return torch.randn(n, 3, size, size).contiguous(memory_format=torch.channels_last)

    small, large = first.network.config.image_size, second.network.config.image_size

    def inputs(n: int) -> Inputs:
        return picture(n, small), torch.rand(n), *words(n, first)

    def large_inputs(n: int) -> Inputs:
        return picture(n, large), torch.rand(n), picture(n, large), torch.randint(0, 600, (n,)), *words(n, second)

    return [
        Stage(f"stage I, {small}x{small}", first, inputs, 20, 2),
        Stage(f"stage II, {large}x{large}", second, large_inputs, 8, 1),
    ]


def seconds(call: Call, times: int) -> float:
    """Return the seconds per call of several calls, after a first one that is not counted."""
    call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def sgemm() -> tuple[Call, float]:
    """Return a square float32 matmul and its number of operations."""
    a, b = torch.randn(1536, 1536), torch.randn(1536, 1536)
    return lambda: a @ b, 2 * 1536.0**3


def probe(stage: str, batch: int, runtime: str, threads: int) -> tuple[str, float]:
    """Return what is wrong with a runtime, and the seconds until it is ready, from a process of its own, which may crash."""
    options = ["--probe", stage, "--batches", str(batch), "--runtimes", runtime, "--threads", str(threads)]
    done = subprocess.run([sys.executable, __file__, *options], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return f"it crashes ({signal.Signals(-done.returncode).name})", 0.0
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:100], 0.0
    return "", float(done.stdout.split()[-1])


def ready(runtime: str, stage: Stage, batch: int) -> float:
    """Return the seconds from the network to the end of the first call."""
    inputs = stage.inputs(batch * stage.rows)
    began = time.perf_counter()
    prepare(runtime, stage.network, inputs)()
    return time.perf_counter() - began


def measure(stage: Stage, batch: int, runtimes: list[str], rounds: int) -> None:
    inputs = stage.inputs(batch * stage.rows)
    with FlopCounterMode(display=False) as counter:
        exact = stage.network(*inputs)
    operations = counter.get_total_flops()
    calls: dict[str, Call] = {}
    before: dict[str, float] = {}
    for runtime in runtimes:
        problem, before[runtime] = probe(stage.name, batch, runtime, torch.get_num_threads())
        if problem:
            print(f"  {runtime:18} does not run: {problem}")
            continue
        calls[runtime] = prepare(runtime, stage.network, inputs)
    matmul, matmul_operations = sgemm()
    times: dict[str, list[float]] = {name: [] for name in ("matmul", *calls)}
    for _ in range(rounds):
        times["matmul"].append(seconds(matmul, 1))
        for name, call in calls.items():
            times[name].append(seconds(call, stage.calls))
    rate = matmul_operations / statistics.median(times["matmul"])
    print(f"{stage.name}, batch {batch}: {stage.calls} calls of {stage.rows * batch} rows, {operations / 1e9:.2f} GFLOP each;")
    print(f"  matmul {rate / 1e9:.0f} GFLOP/s")
    for name, call in calls.items():
        each = statistics.median(times[name])
        off = float((call().float() - exact).square().mean().sqrt() / exact.square().mean().sqrt())
        print(
            f"  {name:18}{1e3 * each:8.1f} ms per call{stage.calls * each / batch:8.2f} s per picture"
            f"   share {operations / each / rate:5.2f}   error {off:.1e}"
            f"   ready {before[name]:5.2f} s   first {before[name] + stage.calls * each:5.2f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=lambda text: [int(n) for n in text.split(",")], default=[1, 8])
    parser.add_argument("--runtimes", type=lambda text: text.split(","), default=[r for r in RUNTIMES if r != "compiled"])
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    if options.probe:
        stage = next(each for each in stages() if each.name == options.probe)
        print(ready(options.runtimes[0], stage, options.batches[0]))
        return
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, {options.threads} threads, torch {torch.__version__}")
    wanted = [runtime for runtime in options.runtimes if available(runtime)]
    for stage in stages():
        for batch in options.batches:
            measure(stage, batch, wanted, options.rounds)


if __name__ == "__main__":
    main()
