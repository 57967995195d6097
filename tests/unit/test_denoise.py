"""The defaults of the technique that estimates."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import noisewalk as nw
from noisewalk.commands import parse_technique
from noisewalk.images import PICTURES
from noisewalk.techniques.denoise import Denoise, psnr


@pytest.mark.parametrize("picture", ["emoji-fox", "emoji-sailboat"])
def test_one_step_beats_a_blur(picture: str) -> None:
    """Guidance above 1 is not the default, because guidance exaggerates and an estimate should not."""
    model = nw.load("emoji")
    decibels = {}
    for method, rest in {"blur": {}, "one-step": {}, "guided": {"guidance_scale": 6.0}}.items():
        name = "one-step" if rest else method
        made = nw.denoise(model, PICTURES / f"{picture}.png", t=(500,), prompt="a high quality photo", method=name, **rest)
        decibels[method] = psnr(made.panels[-1].x, made.panels[0].x)
    assert decibels["one-step"] > decibels["blur"] + 1
    assert decibels["one-step"] > decibels["guided"] + 1


def test_a_record_keeps_the_guidance_it_was_made_with() -> None:
    assert Denoise("x.png").guidance_scale == parse_technique("denoise x.png").request.guidance_scale == 1
    assert parse_technique("denoise x.png --guidance-scale 3").request.guidance_scale == 3


def panel(result: nw.Result, start: str) -> Tensor:
    return next(each.x for each in result.panels if each.panel.label.startswith(start))


def test_a_flow_time_is_the_share_of_noise_and_the_velocity_leads_from_the_picture_to_it() -> None:
    """x_t = (1 - t) x0 + t eps = x0 + t v, and a timestep is the time (timestep + 1) / 1000."""
    made = nw.forward("digits", PICTURES / "digit-4.png", flow_time=(0.25, 0.501), velocity=True, seed=3)
    x0, v = panel(made, "original"), 2 * panel(made, "v / 2")
    for t in (0.25, 0.501):
        torch.testing.assert_close(panel(made, f"t = {t}:"), x0 + t * v, rtol=0, atol=1e-5)
    at_timestep = nw.forward("digits", PICTURES / "digit-4.png", t=(500,), seed=3)
    torch.testing.assert_close(panel(at_timestep, "t = 500:"), panel(made, "t = 0.501:"), rtol=0, atol=1e-6)


def test_the_predicted_velocity_leads_back_to_the_estimate() -> None:
    """x0 = x_t - t v."""
    made = nw.denoise("digits", PICTURES / "digit-4.png", flow_time=(0.4,), velocity=True, prompt="4", method="one-step")
    x_t, v = panel(made, "noisy, t = 0.4"), 2 * panel(made, "t = 0.4, v / 2")
    torch.testing.assert_close(panel(made, "t = 0.4, one-step"), x_t - 0.4 * v, rtol=0, atol=1e-5)


def test_a_model_of_another_path_has_no_flow_times() -> None:
    class Nothing(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return torch.zeros_like(x)

    model = nw.from_network(Nothing(), shape=(1, 28, 28), schedule="ddpm-1000", prediction_type="epsilon")
    with pytest.raises(nw.UserError, match="'own' has other noise levels: use t with timesteps"):
        nw.forward(model, PICTURES / "digit-4.png", flow_time=(0.25,))
