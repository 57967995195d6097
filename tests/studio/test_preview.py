"""Previews of walks: what is shown while a model walks in pixels or in latents."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import tiny_pipelines as tiny
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from noisewalk.models.pretrained import Codec
from noisewalk.models.zoo import load
from noisewalk.studio.actions import walking
from noisewalk.studio.controls import Control
from noisewalk.studio.forms import Form
from noisewalk.studio.limits import LIMITS
from noisewalk.studio.preview import EXACT, LARGEST, Preview, fitted, preview_url, projected
from noisewalk.studio.studio import Studio


def image_of(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize("size", [8, 64, 128, 300, 1000])
def test_a_preview_is_small_and_like_its_picture(size: int) -> None:
    x = torch.linspace(-1, 1, size).expand(3, size, size)[None]
    image = image_of(preview_url(x))
    assert image.format == ("PNG" if size <= EXACT else "JPEG")
    assert size / 3 < image.width <= min(size, LARGEST)
    columns = np.asarray(image, float).mean((0, 2))
    assert np.abs(columns - np.linspace(0, 255, image.width)).max() < 4


def test_a_linear_decoder_is_found_exactly() -> None:
    weights, bias = torch.randn(3, 4), torch.randn(3, 1, 1)

    def decode(z: Tensor) -> Tensor:
        return F.interpolate(torch.einsum("cz,nzhw->nchw", weights, z) + bias, scale_factor=8, mode="nearest")

    z, other = torch.randn(2, 4, 6, 5), 0.1 * torch.randn(1, 4, 6, 5)
    expected = F.avg_pool2d(decode(other), 8).clamp(-1, 1)
    torch.testing.assert_close(projected(fitted(z, decode(z)), other), expected, atol=1e-4, rtol=0)


def test_a_slow_decoder_takes_a_tenth_of_the_time() -> None:
    asked: list[float] = []

    def decode(z: Tensor) -> Tensor:
        asked.append(time.monotonic())
        time.sleep(0.02)
        return F.interpolate(z[:, :3], scale_factor=8)

    preview, z = Preview(decode), torch.rand(1, 4, 4, 4)
    began, shapes = time.monotonic(), set()
    while time.monotonic() - began < 0.9:
        x_t, x0 = preview(z, z)
        shapes |= {x_t.shape[1:], x0.shape[1:]}
        time.sleep(0.005)
    assert 2 <= len(asked) <= 5
    assert shapes == {(3, 4, 4), (3, 32, 32)}


@pytest.mark.parametrize("pipeline", [tiny.stable_diffusion, tiny.stable_diffusion_3])
def test_a_walk_in_latents_is_watched(pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tiny.save(pipeline, tmp_path / "pipeline"))
    model, calls = load(name), []
    assert model.codec is not None

    def decode(z: Tensor) -> Tensor:
        calls.append(z.shape)
        return codec.decode(z)

    codec = model.codec
    watched = replace(model, codec=Codec(codec.shape, codec.encode, decode))
    monkeypatch.setattr("noisewalk.studio.studio.load", lambda _: watched)
    monkeypatch.setattr("noisewalk.studio.preview.SHARE", 1e-9)  # one answer of the decoder is all that a walk gets
    studio = Studio((name,), LIMITS["normal"], tmp_path)
    whole = Control((), (None,), lambda values: values[0], lambda _: [])
    walk = walking(studio, Form("generate", (whole,), studio.limits))
    states = list(walk(gr.Request(session_hash="a"), name, {"prompt": "a cat", "num": 2, "steps": 6}))
    walked = [state for state in states if state["phase"] == "walking"]
    assert states[-1]["phase"] == "done", states[-1].get("message")
    assert walked[-1]["done"] == 6
    for state in walked:
        for key in ("x0", "xt"):
            assert np.asarray(image_of(state[key])).std() > 0
    assert len(calls) == 2, "once for a preview, and once for the result"
    (steps,) = states[-1]["walks"]
    assert (steps["x0"]["count"], steps["xt"]["count"]) == (6, 6)
    shown = [image_of(each["url"]) for each in states[-1]["shown"]]
    assert [image.size for image in shown] == [model.shape[:0:-1]] * 2
