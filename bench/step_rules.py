"""How far walks of few network calls end from the exact solution, by step rule.

    python bench/step_rules.py [--calls 10 20] [--pictures 64] [--guidance-scale 1]

Walks of the same noise are made by every deterministic step rule with as many network calls, and compared with 200 steps of
Heun's method. Printed is the root-mean-square difference over all pixels of the finished pictures, which lie in [-1, 1]. The
prompts are the model's classes in turn.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from noisewalk.guidance import cfg
from noisewalk.models.zoo import load
from noisewalk.walk import STEP_RULES, Bound, SeededNoise, levels, linspace, sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--guidance-scale", type=float, default=1.0)
    asked = parser.parse_args()
    model = load("digits")
    labels = torch.arange(asked.pictures) % 10
    conds = (Bound(model.model, (labels,)), Bound(model.model, (torch.full_like(labels, 10),)))
    denoiser = cfg(*conds, asked.guidance_scale)
    noise = SeededNoise(range(asked.pictures))
    start = noise(torch.empty(asked.pictures, *model.shape))

    def walked(rule: str, steps: int) -> Tensor:
        path = levels(model.schedule, linspace(model.schedule, steps))
        *_, last = sample(denoiser, start, path, STEP_RULES[rule](), noise.stream("step"))
        return last.x_t

    exact = walked("heun", 200)
    for calls in asked.calls:
        print(f"{calls} network calls")
        for name, rule in STEP_RULES.items():
            if not rule.random:
                error = (walked(name, calls // rule.calls) - exact).square().mean().sqrt()
                print(f"  {name:14} {float(error):.4f}", flush=True)


if __name__ == "__main__":
    main()
