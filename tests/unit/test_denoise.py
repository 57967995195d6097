"""What a technique that estimates does where the user is silent."""

from __future__ import annotations

import pytest

import noisewalk as nw
from noisewalk.commands import parse_technique
from noisewalk.images import PICTURES
from noisewalk.techniques.denoise import Denoise, psnr


@pytest.mark.parametrize("picture", ["emoji-fox", "emoji-sailboat"])
def test_one_step_beats_a_blur(picture: str) -> None:
    """With guidance above 1 it does not: guidance exaggerates, and an estimate should not."""
    model = nw.load("emoji")
    decibels = {}
    for method, rest in {"blur": {}, "one-step": {}, "guided": {"guidance_scale": 3.0}}.items():
        name = "one-step" if rest else method
        made = nw.denoise(model, PICTURES / f"{picture}.png", t=(500,), prompt="a high quality photo", method=name, **rest)
        decibels[method] = psnr(made.panels[-1].x, made.panels[0].x)
    assert decibels["one-step"] > decibels["blur"] + 1
    assert decibels["one-step"] > decibels["guided"] + 1


def test_a_record_keeps_the_guidance_it_was_made_with() -> None:
    assert Denoise("x.png").guidance_scale == parse_technique("denoise x.png").spec.guidance_scale == 1
    assert parse_technique("denoise x.png --guidance-scale 3").spec.guidance_scale == 3
