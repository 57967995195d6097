"""Text models on the command line: messages about prompts and weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from noisewalk.cli.main import main
from noisewalk.models.checkpoint import save_tensors
from noisewalk.models.nets.text_unet import TextUNet, TextUNetConfig

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny text model that was trained on rockets and mountains, packed with its card."""
    torch.manual_seed(0)
    shape = TextUNetConfig(
        channels=(16, 16, 16), attention=(0, 0, 0), embed_dim=16, text_dim=16, text_heads=2, text_layers=1, max_tokens=6
    )
    card = {"network": "unet-text", "config": asdict(shape), "schedule": "linear", "prediction_type": "flow_prediction"}
    path = tmp_path / "tiny.safetensors"
    save_tensors(path, dict(TextUNet(shape).state_dict()), card | {"defaults": {"steps": 1}})
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    known = {"known": ["rocket", "snowy mountain"], "filler": ["painting"], "sha256": sha256}
    path.with_suffix(".json").write_text(json.dumps(known))
    return path


def generate(model: Path, prompt: str) -> int:
    return main(["generate", prompt, "--model", str(model), "--out", str(model.with_name("out.png"))])


def test_a_prompt_is_drawn_and_what_is_not_understood_is_said(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    for prompt, said in {
        "inflation": "is far from everything that this model makes well; the nearest names that it knows are '",
        "a rocket and a mountain and a cat": "reads 6 tokens and leaves out: a cat",
        "rocket 火箭": "are left out: 火箭",
    }.items():
        assert generate(model, prompt) == 0
        assert said in caplog.text
        caplog.clear()
    for prompt in ("a painting of a rocket", ""):
        assert generate(model, prompt) == 0
        assert not caplog.text


def test_a_prompt_in_another_script_and_damaged_weights_are_errors(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(model, "火箭") == 2
    assert "no word of the prompt '火箭' can be read" in capsys.readouterr().err
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(bytes(data))
    assert generate(model, "a rocket") == 2
    assert "are damaged (their SHA-256 is " in capsys.readouterr().err
