"""How good the digits model's samples are: read correctly, like real digits, and not copies of them.

    python bench/digits_quality.py [--samples 2000] [--model digits] [--steps 20] [--step-rule ddim] [--guidance-scale 1.5]

Prints the bundled reader's agreement with the label and the Fréchet distance of its features to the MNIST test set,
beside the distances between real digits that it should be read against. Needs MNIST (NOISEWALK_DATA, cache or download).
"""

from __future__ import annotations

import argparse
import os
import time

import torch
from torch import Tensor

import noisewalk as nw
from noisewalk.judge.evaluate import evaluate
from noisewalk.training.data import mnist, to_unit


def samples(model: nw.Pretrained, count: int, options: argparse.Namespace) -> Tensor:
    """(count, 1, 28, 28): count / 10 of each digit, seeds from 0."""
    chosen = {key: getattr(options, key) for key in ("steps", "step_rule", "grid", "guidance_scale")}
    each = count // 10
    return torch.cat([nw.generate(model, str(d), num=each, seed=d * each, **chosen).tensor for d in range(10)])


def network_calls(model: nw.Pretrained, options: argparse.Namespace) -> int:
    """Calls of the denoiser a walk makes; guidance is batched into them."""
    steps = options.steps or model.defaults.steps
    return 2 * steps - 1 if (options.step_rule or model.defaults.step_rule) == "heun" else steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--step-rule")
    parser.add_argument("--grid")
    parser.add_argument("--guidance-scale", type=float)
    options = parser.parse_args()
    model = nw.load(options.model)
    began = time.perf_counter()
    drawn = samples(model, options.samples, options)
    seconds = time.perf_counter() - began
    asked = torch.arange(10).repeat_interleave(len(drawn) // 10)
    found = evaluate(drawn, asked, to_unit(mnist("train").pictures), to_unit(mnist("test").pictures))
    print(f"{model}: {found.count} samples, {network_calls(model, options)} network calls a picture, {seconds:.0f} s")
    print(f"machine: {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"read as asked:                         {found.agreement:.4f}")
    print(f"Fréchet distance to the test set:      {found.distance:.4f}")
    ratio = found.distance / found.real_distance
    print(f"  all training digits to the test set: {found.real_distance:.4f}   ratio {ratio:.2f}")
    ratio = found.distance / found.alike_distance
    print(f"  as many training digits to it:       {found.alike_distance:.4f}   ratio {ratio:.2f} (same bias of small samples)")
    drawn_near, real_near = found.nearest.median(), found.nearest_real.median()
    print(f"nearest training digit, median rms:    {drawn_near:.4f}   (test digits: {real_near:.4f})")
    print(f"nearer than 99 % of test digits are:   {found.copies:.4f}   (0.01 if no sample is a copy)")


if __name__ == "__main__":
    main()
