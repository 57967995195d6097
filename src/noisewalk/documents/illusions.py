"""Interactive anagrams: how each view moves the picture, for the script of the page."""

from __future__ import annotations

import base64

import numpy as np
import torch
from torch import Tensor

from ..guidance.views import View
from ..images import to_image
from ..report.animate import motion_of
from ..techniques.view_files import find_views
from .frames import webp
from .store import Look, Turn

MOST_PIECES = 65_535


def turn(name: str, label: str, x: Tensor, views: list[str], prompts: list[str]) -> tuple[Turn, dict[str, bytes]]:
    """Return an interactive anagram and its files.

    Args:
        name: the beginning of the names of the files.
        label: the label of the picture.
        x: the picture (C, H, W) in [-1, 1].
        views: the names of its views.
        prompts: the prompt of each view.
    """
    files = {f"{name}.webp": webp(to_image(x), True)}
    looks = []
    found = find_views(views, (x.shape[0], x.shape[1], x.shape[2]), of_noise=False)
    for i, (view, prompt) in enumerate(zip(found, prompts, strict=True)):
        look, data = _look(f"{name}-{i}.webp", view, prompt, x)
        looks.append(look)
        files |= {look.file: data} if look.file else {}
    return Turn(label, f"{name}.webp", tuple(looks)), files


def _look(file: str, view: View, prompt: str, x: Tensor) -> tuple[Look, bytes]:
    motion = motion_of(view, x.shape[0], x.shape[1], x.shape[2])
    seen = view.forward(x[None])[0]
    kept = seen.flatten(1)[:, torch.from_numpy(motion.target)].view_as(x)  # the colours of the view at the places before it
    faded = bool((kept - x).abs().max() > 1e-3)
    one = len(motion.middle) == 1
    piece = "" if one else base64.b64encode(motion.piece.clip(max=MOST_PIECES).astype("<u2").tobytes()).decode()
    rows = np.concatenate([motion.middle, motion.shift, motion.turn.reshape(-1, 4)], 1).round(3)
    pieces = tuple(tuple(float(value) for value in row) for row in rows)
    return Look(view.name, prompt, file if faded else "", piece, pieces), webp(to_image(kept), True) if faded else b""
