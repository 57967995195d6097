"""Pipelines of every family in half precision, and how much memory each level of offloading takes."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

import noisewalk as nw
from noisewalk.models.diffusers.components import open_files
from noisewalk.models.diffusers.families import FAMILIES
from noisewalk.models.diffusers.memory import Placement, placement
from noisewalk.models.diffusers.pipeline import open_pipeline
from noisewalk.models.machine import peak_memory

from . import Check, Figure, NotMeasured, Setting, dtype_label, rms

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
tiny: Any = importlib.import_module("tiny_pipelines")

HALVES = {torch.float16: 0.02, torch.bfloat16: 0.1}
"""The largest share by which x0 may differ from that in float32."""
LEVELS = ("full", "offload", "sequential")


def families(setting: Setting) -> Iterator[Check]:
    """A tiny pipeline of every family: one network call in half precision against float32, and a whole walk."""
    for name in tiny.BUILDERS:
        for dtype, limit in HALVES.items():
            yield Check(
                f"{name}, {dtype_label(dtype)}", partial(_half_differs, setting, name, dtype), limit, "of x0 in float32"
            )


def _half_differs(setting: Setting, name: str, dtype: torch.dtype) -> Figure:
    half, whole = (_said(setting, name, each) for each in (dtype, torch.float32))
    return Figure(rms(half, whole) / rms(whole, torch.zeros_like(whole)))


@cache
def _said(setting: Setting, name: str, dtype: torch.dtype) -> Tensor:
    """x0 of one call in the middle of the walk, after a whole walk that must end in finite numbers."""
    model = _opened(setting, name, dtype)
    prompt = {"ddpm": "", "class-ddpm": "7", "consistency": "7", "dit": "7"}.get(name, "a fox")
    if model.parts.family.upscales:
        below = torch.zeros(1, 3, 16, 16) if name == "if-2" else torch.zeros(1, 3, 32, 32)
        model = nw.models.pretrained.Upscaler(model, model.schedule).conditioned_on(below, lambda x: torch.zeros_like(x), 20)
    ended = nw.generate(model, prompt, steps=2).tensor
    assert bool(ended.isfinite().all()), "the walk ends in numbers that are not finite"
    x = nw.walk.SeededNoise([0])(model.empty(1))
    level = model.schedule(torch.tensor(0.5, dtype=torch.float64))
    return model.bind(prompt)(x, level).x0


def _opened(setting: Setting, name: str, dtype: torch.dtype) -> nw.Pretrained:
    place = placement(device=str(setting.device), dtype=dtype)
    return open_pipeline(_folder(setting, name), name, place, 16 if name in ("flux", "z-image") else None)


def _folder(setting: Setting, name: str) -> Path:
    if name != "flux":
        return Path(tiny.saved(name, setting.folder))
    folder = setting.folder / name  # told its guidance, Flux multiplies it by 1000 in bfloat16, where 3500 is 3504
    return folder if folder.is_dir() else Path(tiny.save(tiny.flux, folder, guidance_embeds=False))


def memory(setting: Setting) -> Iterator[Check]:
    """The peak of each level of offloading, over what was predicted from the files."""
    for mode in LEVELS:
        what = "of the prediction" + (" for offload" if mode == "sequential" else "")
        yield Check(f"Stable Diffusion of random weights, {mode}", partial(_peak, setting, mode), 1, what)


def _peak(setting: Setting, mode: str) -> Figure:
    if mode != "full" and setting.device.type != "cuda":
        raise NotMeasured("parts are moved between main memory and CUDA only")
    if setting.device.type == "mps":
        raise NotMeasured("the GPU's peak is not counted on MPS")
    folder = _large(setting)
    dtype = torch.float16 if setting.device.type == "cuda" else torch.float32
    place = Placement(setting.device, dtype, "full" if mode == "full" else "offload")
    predicted = place.estimate(open_files(folder), FAMILIES["StableDiffusionPipeline"])
    warm = tiny.saved("sd-ddim", setting.folder)
    command = [sys.executable, "-m", "gpu_checks.pipelines", str(warm), str(folder), mode, str(setting.device)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-200:])
    measured = int(done.stdout.split()[-1])
    return Figure(measured / predicted, f"{measured / 2**20:.0f} of {predicted / 2**20:.0f} MiB")


def _large(setting: Setting) -> Path:
    """A pipeline whose weights, and not what it computes with them, fill the memory."""
    width = 256 if setting.small else 1024
    folder = setting.folder / f"large-{width}"
    if not folder.is_dir():
        pipe = tiny.stable_diffusion()
        pipe.register_modules(unet=tiny.unet(8, 4, 4, block_out_channels=(width, width), layers_per_block=2))
        pipe.save_pretrained(folder)
    return folder


def main(warm: str, folder: str, mode: str, device: str) -> None:
    """Print the bytes at the peak of a walk, above those that a tiny pipeline of the same kind has left."""
    place = placement(mode, device, torch.float16 if device == "cuda" else torch.float32)
    nw.generate(open_pipeline(Path(warm), "warm", place), "a fox", steps=2)  # loads the libraries
    if place.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with Sampled() as held:
        nw.generate(open_pipeline(Path(folder), "large", place), "a fox", steps=2)
    print(peak_memory(place.device) if place.device.type == "cuda" else held.most - held.before)


class Sampled:
    """The most main memory that this process holds, apart from pages of files, which the system may take back."""

    def __enter__(self) -> Sampled:
        self.before = self.most = _held()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, _held())


def _held() -> int:
    found = psutil.Process().memory_info()
    return int(found.rss - getattr(found, "shared", 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
