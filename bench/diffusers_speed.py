"""The time of a picture, compared with diffusers' own pipeline on the same network.

    python bench/diffusers_speed.py [--width 64] [--steps 10] [--pairs 5] [--device cpu]

The network is a random U-Net with the shape of DeepFloyd IF-M (`random_if.py`), whose own width is 192. The guidance is 7.
There are two comparisons in one process, in alternating pairs:

generate: `sample` and `IFPipeline`. The target is at most 1.0 times the time of the pipeline.
anagram: a guided anagram of two views with one batched call per step, and loops as public implementations write them, with 2
calls (one guided call per view) or 4 (one call per view and branch of the guidance). The target is at most 0.55 times their
time. On a CPU the arithmetic of one call, 2 or 4 is the same, so the gain can only come from the cost of calls and from small
batches that leave the CPU idle. Only a GPU that they leave idle can reach 0.55 (this is not measured yet).

Each side has its own copy of the network: diffusers' as diffusers loads it, and noisewalk's as noisewalk does (channels-last).

Measured on 2 cores of an AMD EPYC with AVX-512, torch 2.13 on the CPU, 2 threads, float32 (seconds, and the ratio to
diffusers):

                                     generate           anagram, 2 calls   anagram, 4 calls
    --width 192 --steps 1 --pairs 3  1.60 : 1.72 (.92)  3.25 : 3.78 (.86)  3.15 : 4.27 (.74)    IF-M, 317 M parameters
    --width 64 --steps 5 --pairs 5   1.31 : 1.37 (.96)  3.11 : 3.19 (.97)  2.72 : 3.60 (.75)    a third of its width

With `--device cuda`, the network computes in bfloat16 and is compiled, and the share of the matrix multiplication rate is
printed.
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from paired import paired, seconds
from random_if import IF_SCHEDULER, SHAPE, build, pipeline
from torch import Tensor

from noisewalk.guidance import VIEWS, cfg, combine_views, dynamic_threshold
from noisewalk.models.diffusers.families import FAMILIES
from noisewalk.models.diffusers.memory import Placement
from noisewalk.models.diffusers.schedulers import read_scheduler
from noisewalk.models.network import NetworkModel
from noisewalk.walk import Bound, Denoiser, SeededNoise, ddpm, levels, native, sample


def walk(network: Any, guide: Callable[..., Denoiser], conds: list[Tensor], steps: int, dtype: torch.dtype) -> Tensor:
    """Make a picture with noisewalk: DDPM with learned variance, a dynamic threshold, and the scheduler's grid."""
    sampling = read_scheduler(IF_SCHEDULER)
    call = FAMILIES["IFPipeline"].call

    def ask(x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return call(network, x.to(dtype), t, cond)  # type: ignore[no-any-return]

    model = NetworkModel(
        ask,
        sampling.schedule,
        "epsilon",
        time_conditioning=lambda t: sampling.time_conditioning(t).float(),
        learned_variance=True,
    )
    denoiser = dynamic_threshold(guide(*(Bound(model, (cond,)) for cond in conds)), 0.95, 1.5)
    noise = SeededNoise([0])
    path = levels(sampling.schedule, native(sampling.schedule, steps))
    x = noise(torch.empty(1, *SHAPE, device=conds[0].device))
    *_, last = sample(denoiser, x, path, ddpm(), noise.stream("step"))
    return last.x_t


def public_anagram(pipe: Any, conds: list[Tensor], steps: int, dtype: torch.dtype, calls: int) -> Tensor:
    """Make an anagram of two views as public implementations do, with the scheduler's step.

    Args:
        calls: the network calls per step: 2, one per view with both branches of its guidance, as two calls of a pipeline do;
            or 4, one per view and branch, as the course's notebooks do.
    """
    empty, *prompts = conds
    view = VIEWS["rotate180"]
    pipe.scheduler.set_timesteps(steps)
    x = torch.randn(1, *SHAPE, device=empty.device)

    def ask(seen: Tensor, t: Tensor, *texts: Tensor) -> Tensor:
        rows = torch.cat([seen] * len(texts)).to(dtype)
        return pipe.unet(rows, t, encoder_hidden_states=torch.cat(texts)).sample.float()  # type: ignore[no-any-return]

    with torch.no_grad():
        for t in pipe.scheduler.timesteps:
            said = []
            for prompt, turned in zip(prompts, (False, True), strict=True):
                seen = view.forward(x) if turned else x
                both = ask(seen, t, empty, prompt).chunk(2) if calls == 2 else (ask(seen, t, empty), ask(seen, t, prompt))
                (eps_u, _), (eps_c, variance) = (half.split(3, dim=1) for half in both)  # type: ignore[no-untyped-call]
                guided = torch.cat([eps_u + 7 * (eps_c - eps_u), variance], dim=1)
                said.append(view.inverse(guided) if turned else guided)
            x = pipe.scheduler.step(torch.stack(said).mean(0), t, x).prev_sample
    return x


@dataclass(frozen=True)
class Ratio:
    """Median seconds of noisewalk and of diffusers, the median ratio of the pairs, and its target."""

    name: str
    ours: float
    theirs: float
    ratio: float
    target: float


def rate(network: Any, conds: list[Tensor], dtype: torch.dtype, steps: int, took: float) -> None:
    """Print the share of the device's measured matrix multiplication rate that a walk reaches."""
    from torch.utils.flop_counter import FlopCounterMode

    device = conds[0].device
    x, cond = torch.randn(2, *SHAPE, device=device, dtype=dtype), torch.cat(conds[:2])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x, torch.tensor(500, device=device), encoder_hidden_states=cond)
    size = 8192
    a = torch.randn(size, size, device=device, dtype=dtype)

    def multiply() -> float:
        return [a @ a for _ in range(5)][-1].sum().item()

    multiply()
    peak = 5 * 2 * size**3 / seconds(multiply)
    reached = counter.get_total_flops() * steps / took
    print(f"{reached / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s of matrix multiplication reached ({reached / peak:.0%})")


@dataclass(frozen=True)
class Contest:
    """The same random network as both sides load it, and what it is asked."""

    network: Any
    pipe: Any
    conds: list[Tensor]
    steps: int
    dtype: torch.dtype

    def ratios(self, pairs: int) -> Iterator[Ratio]:
        """Compare a guided picture, and a guided anagram with 2 and with 4 calls per step."""
        empty, first, _ = self.conds
        steps, dtype = self.steps, self.dtype

        def ours() -> Tensor:
            return walk(self.network, lambda e, c: cfg(c, e, 7), [empty, first], steps, dtype)

        def theirs() -> Tensor:
            kwargs = {"prompt_embeds": first, "negative_prompt_embeds": empty, "output_type": "pt", "guidance_scale": 7.0}
            return self.pipe(num_inference_steps=steps, **kwargs).images  # type: ignore[no-any-return]

        def two(e: Denoiser, a: Denoiser, b: Denoiser) -> Denoiser:
            return combine_views([cfg(a, e, 7), cfg(b, e, 7)], [VIEWS["identity"], VIEWS["rotate180"]])

        def compare(name: str, ours: Callable[[], Tensor], theirs: Callable[[], Tensor], target: float) -> Ratio:
            return Ratio(name, *paired(lambda: ours().cpu(), lambda: theirs().cpu(), pairs), target)  # waits for the device

        yield compare("generate", ours, theirs, 1.0)
        batched = partial(walk, self.network, two, self.conds, steps, dtype)
        for calls in (2, 4):
            loop = partial(public_anagram, self.pipe, self.conds, steps, dtype, calls)
            yield compare(f"anagram, {calls} calls per step", batched, loop, 0.55)


def contest(width: int, steps: int, device: str) -> Contest:
    """Build both sides on a device; on CUDA in bfloat16, compiled."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    network = build(width, device, dtype)
    draw = torch.Generator().manual_seed(0)
    conds = [torch.randn(1, 77, 512, generator=draw).to(device, dtype) for _ in range(3)]
    pipe = pipeline(copy.deepcopy(network))  # as diffusers loads it
    network = Placement(torch.device(device), dtype).to_device(network, "unet")  # as noisewalk does
    if device == "cuda":
        pipe.unet, network = torch.compile(pipe.unet), torch.compile(network)
    return Contest(network, pipe, conds, steps, dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64, help="192 is IF-M's, 64 a third of it")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    both = contest(options.width, options.steps, options.device)
    count = sum(p.numel() for p in both.network.parameters())
    machine = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}"
    print(
        f"{machine}; {options.device}, {both.dtype}; {count / 1e6:.0f} M parameters, {both.steps} steps, {options.pairs} pairs"
    )
    print(f"{'':<24} {'noisewalk':>10} {'diffusers':>10} {'ratio':>6}")
    for i, each in enumerate(both.ratios(options.pairs)):
        verdict = "reached" if each.ratio <= each.target else "missed"
        times = f"{each.ours:>8.2f} s {each.theirs:>8.2f} s {each.ratio:>6.3f}"
        print(f"{each.name:<24} {times}   target {each.target}: {verdict}")
        if i == 0 and options.device == "cuda":  # a CPU's convolutions are faster than its matrix multiplication
            rate(both.network, both.conds, both.dtype, both.steps, each.ours)


if __name__ == "__main__":
    main()
