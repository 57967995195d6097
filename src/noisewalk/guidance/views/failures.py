"""Views that fail: they teach why a view must be an isometry. The command line calls them `failure:NAME`.

Standard noise that is seen through them is no longer standard (`docs/illusions.md` shows by how much). The model therefore gets
pictures unlike any that it was trained on, and the result is blurred, washed out or full of noise.

The three are an interpolated circle, a blur and a white balance, as in Geng et al., *Visual Anagrams*, 2024, section 3.3 and
appendix, https://arxiv.org/abs/2311.17919.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..components import gaussian_blur
from .simple import identity
from .view import View

_GAINS = (0.7, 0.9, 1.4)


def bilinear_circle(degrees: float) -> View:
    """Return the view that turns the inner circle by any angle, with bilinear interpolation.

    It fails because a weighted mean of pixels has less noise than one pixel.

    Args:
        degrees: the angle, anticlockwise.
    """

    def turn(angle: float, x: Tensor) -> Tensor:
        a = torch.tensor(torch.pi * angle / 180)
        theta = torch.stack([a.cos(), -a.sin(), torch.zeros(()), a.sin(), a.cos(), torch.zeros(())]).view(1, 2, 3)
        grid = F.affine_grid(theta.expand(len(x), 2, 3), list(x.shape), align_corners=False).to(x.device, x.dtype)
        turned = F.grid_sample(x, grid, mode="bilinear", align_corners=False)
        line = [(torch.arange(n, device=x.device) - (n - 1) / 2) ** 2 for n in x.shape[2:]]
        inside = line[0][:, None] + line[1][None, :] < (min(x.shape[2:]) / 2) ** 2
        return torch.where(inside, turned, x)

    return View("failure:bilinear-circle", lambda x: turn(degrees, x), lambda x: turn(-degrees, x), identity)


def _blur(x: Tensor) -> Tensor:
    return gaussian_blur(x, 1.0, 5)


def _balanced(power: int, x: Tensor) -> Tensor:
    gains = torch.tensor(_GAINS if x.shape[1] == 3 else _GAINS[:1] * x.shape[1], device=x.device, dtype=x.dtype)
    return x * gains.view(1, -1, 1, 1) ** power


FAILURES: dict[str, View] = {
    view.name.removeprefix("failure:"): view
    for view in (
        bilinear_circle(45.0),
        View("failure:blur", _blur, identity, identity),
        View("failure:white-balance", lambda x: _balanced(1, x), lambda x: _balanced(-1, x), identity),
    )
}
"""Failing views by name. The inverse of the blur is the identity, because a blur cannot be undone."""
