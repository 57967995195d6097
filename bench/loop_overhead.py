"""The cost of the loop: the time of `sample` over the time of its network calls alone.

    python bench/loop_overhead.py [--pairs 15] [--batch 16] [--steps 20]

It uses the bundled digits model, ddim, 20 steps and a batch of 16, alone and under a guided anagram of two views. The network
calls are those of the walk, recorded once and repeated. Both are timed in one process in alternating pairs, so that other
work of the machine slows both. The target is a median ratio of at most 1.05, and one network call per step.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from paired import paired
from torch import Tensor

import noisewalk
from noisewalk.guidance import VIEWS, cfg, combine_views
from noisewalk.models.network import NetworkModel
from noisewalk.walk import Bound, Denoiser, SeededNoise, ddim, levels, linspace, sample

TARGET = 1.05


@dataclass
class Recorder:
    """A network that records its inputs."""

    network: Callable[..., Tensor]
    calls: list[tuple[Tensor, ...]] = field(default_factory=list)

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.calls.append(inputs)
        return self.network(*inputs)


@dataclass(frozen=True)
class Row:
    """A line of the table: medians over the pairs, in seconds."""

    name: str
    calls: int
    rows: int
    walk: float
    bare: float
    ratio: float


def guided_anagram(prompt: Callable[[str], Bound]) -> Denoiser:
    empty = prompt("")
    return combine_views([cfg(prompt("6"), empty, 3), cfg(prompt("9"), empty, 3)], [VIEWS["identity"], VIEWS["rotate180"]])


def measure(name: str, guide: Callable[[Callable[[str], Bound]], Denoiser], batch: int, steps: int, pairs: int) -> Row:
    """Time one kind of walk against its own network calls."""
    pretrained = noisewalk.load("digits")
    model = pretrained.model
    assert isinstance(model, NetworkModel)
    path = levels(pretrained.schedule, linspace(pretrained.schedule, steps))
    start = SeededNoise(range(batch))(torch.empty(batch, *pretrained.shape))

    def walk(model: NetworkModel) -> None:
        denoiser = guide(lambda prompt: Bound(model, pretrained.encode(prompt)))
        for _ in sample(denoiser, start, path, ddim(), SeededNoise(range(batch), "step")):
            pass

    recorder = Recorder(model.network)
    walk(replace(model, network=recorder))

    def bare() -> None:
        with torch.no_grad():
            for inputs in recorder.calls:
                model.network(*inputs)

    timed = paired(lambda: walk(model), bare, pairs)
    return Row(name, len(recorder.calls), len(recorder.calls[0][0]), *timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15, help="timed pairs of a walk and its bare network calls")
    parser.add_argument("--batch", type=int, default=16, help="pictures in a walk")
    parser.add_argument("--steps", type=int, default=20, help="steps of a walk")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}"
    print(f"{machine}; digits, ddim, {options.steps} steps, batch {options.batch}, {options.pairs} pairs")
    kinds: dict[str, Callable[[Callable[[str], Bound]], Denoiser]] = {
        "one prompt": lambda prompt: prompt("7"),
        "guided two-view anagram": guided_anagram,
    }
    print(f"{'walk':<25} {'calls':>5} {'rows':>5} {'sample':>9} {'network':>9} {'ratio':>6}")
    for name, guide in kinds.items():
        row = measure(name, guide, options.batch, options.steps, options.pairs)
        times = f"{1e3 * row.walk:>6.1f} ms {1e3 * row.bare:>6.1f} ms"
        print(f"{row.name:<25} {row.calls:>5} {row.rows:>5} {times} {row.ratio:>6.3f}")
        verdict = "yes" if row.calls == options.steps else f"no, {row.calls / options.steps:g}"
        reached = "reached" if row.ratio <= TARGET else "missed"
        print(f"  one network call per step: {verdict}; target {TARGET} {reached}")


if __name__ == "__main__":
    main()
