"""Check on a GPU what the tests cannot check without one, and write one page: python bench/gpu_check.py [--out FILE].

Bundled models and trainings in bfloat16, compiled and not; tiny pipelines of every family in half precision; the levels of
offloading with their predicted and measured peaks; whether a seed's picture depends on its batch or its device; and the time
of a picture beside diffusers' pipelines. Without a GPU it runs on the CPU with small sizes, and says what was not measured.
The exit status is 1 if a check failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import torch
from diffusers_speed import Ratio, contest
from gpu_checks import Check, Figure, Row, Setting, made
from gpu_checks.models import models, seeds, trainings
from gpu_checks.pipelines import families, memory

from noisewalk.models.diffusers.memory import placement


def speed(setting: Setting) -> Iterator[Check]:
    """A picture's time beside that of diffusers' pipeline, on a random U-Net with the blocks of DeepFloyd IF-M."""
    width, steps, pairs = (16, 1, 1) if setting.small else (192, 10, 5)
    limits = {} if setting.small else {"generate": 1.0}  # so small a network says nothing about speed
    ratios = contest(width, steps, setting.device.type).ratios(pairs)
    for name in ("generate", "anagram, 2 calls per step", "anagram, 4 calls per step"):
        limit = limits.get(name, float("inf") if setting.small else 0.55)
        yield Check(f"{name}, width {width}", partial(_ratio, ratios), limit, "of diffusers' time")


def _ratio(ratios: Iterator[Ratio]) -> Figure:
    found = next(ratios)
    return Figure(found.ratio, f"{found.ours:.3f} s and {found.theirs:.3f} s, {found.name}")


SECTIONS: dict[str, Callable[[Setting], Iterable[Check]]] = {
    "Bundled models": models,
    "Trainings": trainings,
    "Pipelines in half precision": families,
    "Memory": memory,
    "Seeds": seeds,
    "Speed": speed,
}


def page(setting: Setting, found: dict[str, list[Row]], seconds: float) -> str:
    """Return the page, in Markdown."""
    counts = Counter(row.outcome for rows in found.values() for row in rows)
    lines = ["# GPU check", "", _machine(setting), ""]
    lines += [", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + f", in {seconds:.0f} s.", ""]
    for section, rows in found.items():
        lines += [f"## {section}", "", SECTIONS[section].__doc__ or "", "", "| check | found | bound | outcome | seconds |"]
        lines += ["|---|---|---|---|---|"]
        lines += [f"| {r.what} | {_cell(r.found)} | {r.bound} | {r.outcome} | {r.seconds:.1f} |" for r in rows]
        lines += [""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("<", "&lt;")


def _machine(setting: Setting) -> str:
    name = torch.cuda.get_device_name(setting.device) if setting.device.type == "cuda" else platform.processor() or "CPU"
    size = "small sizes" if setting.small else "full sizes"
    cores = f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads"
    return f"{setting.device} ({name}), {cores}, torch {torch.__version__}, {size}, compiled by {setting.backend}."


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="auto", help="cuda, mps, cpu or auto")
    parser.add_argument("--small", action="store_true", help="small sizes on a GPU too; the CPU always has them")
    parser.add_argument("--only", nargs="*", default=list(SECTIONS), choices=SECTIONS, help="these sections")
    parser.add_argument("--out", type=Path, default=Path("out/gpu-check.md"), help="the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    began, device = time.perf_counter(), placement(device=options.device).device
    found: dict[str, list[Row]] = {}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NOISEWALK_CACHE"] = folder
        setting = Setting(device, Path(folder), options.small or device.type == "cpu")
        for section in options.only:
            found[section] = []
            for check in SECTIONS[section](setting):
                row = made(check)
                found[section].append(row)
                print(f"{row.outcome:<13} {row.seconds:6.1f} s  {section}: {row.what}: {row.found}", flush=True)
                options.out.write_text(page(setting, found, time.perf_counter() - began))
    print(options.out)
    return int(any(row.outcome == "FAILED" for rows in found.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
