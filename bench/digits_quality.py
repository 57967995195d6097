"""How good the digits model's samples are: read correctly, and like real digits.

    python bench/digits_quality.py [--samples 2000] [--steps 20] [--step-rule ddim] [--guidance-scale 2] [--model digits]

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
from noisewalk.judge.digits import features, read
from noisewalk.judge.frechet import frechet, moments
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
    labels = torch.arange(10).repeat_interleave(len(drawn) // 10)
    agree = read(drawn).argmax(1) == labels
    train, test = mnist("train"), mnist("test")
    real = features(to_unit(train.pictures))
    target = moments(features(to_unit(test.pictures)))
    picked = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[: len(drawn)]
    floor = frechet(moments(real), target)
    print(f"{model}: {len(drawn)} samples, {network_calls(model, options)} network calls a picture, {seconds:.0f} s")
    print(f"machine: {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"read as asked:                         {agree.float().mean():.4f}   (worst digit {_worst(agree, labels)})")
    distance = frechet(moments(features(drawn)), target)
    print(f"Fréchet distance to the test set:      {distance:.4f}")
    print(f"  all training digits to the test set: {floor:.4f}   ratio {distance / floor:.2f}")
    alike = frechet(moments(real[picked]), target)
    print(f"  as many training digits to it:       {alike:.4f}   ratio {distance / alike:.2f} (same bias of small samples)")


def _worst(agree: Tensor, labels: Tensor) -> str:
    rates = [agree[labels == d].float().mean().item() for d in range(10)]
    digit = min(range(10), key=rates.__getitem__)
    return f"{digit}: {rates[digit]:.3f}"


if __name__ == "__main__":
    main()
