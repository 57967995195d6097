"""Distillation from the command line: a student of a small teacher, as a run folder and as a model."""

from __future__ import annotations

import itertools
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.models.checkpoint import RUN_CHECKPOINT, load_tensors, save_tensors
from noisewalk.models.nets.build import build
from noisewalk.models.nets.unet import UNetConfig
from noisewalk.run.recipes import recipe_and_dataset
from noisewalk.run.spec import read_spec
from noisewalk.training.distil import Distillation
from noisewalk.training.records import read_metrics

LINE = ["distil", "--teacher", "teacher.safetensors", "--data", "shapes", "--size", "8", "--channels", "1"]
LINE += ["--batch-size", "2", "--guidance-scale", "2"]


@pytest.fixture(autouse=True)
def with_a_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two classes of grey pictures, and a teacher of them with random weights."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("dark", 40), ("light", 200)):
        (Path("shapes") / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (8, 8), value + i).save(f"shapes/{name}/{i}.png")
    shape = UNetConfig(8, 1, channels=(16, 32), embed_dim=16, num_classes=2)
    card = {"network": "unet-fast", "config": asdict(shape), "schedule": "linear", "prediction_type": "flow_prediction"}
    card |= {"labels": ["dark", "light"], "defaults": {"steps": 9, "balance": "auto", "guidance_scale": 1.5}}
    card["defaults"] |= {"techniques": {"generate": {"step_rule": "heun", "guidance_interval": [100, 900]}}}
    torch.manual_seed(0)
    network = build(card)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_tensors(Path("teacher.safetensors"), network.state_dict(), card)


def weights(run: str) -> dict[str, torch.Tensor]:
    return load_tensors(Path(run) / RUN_CHECKPOINT)[0]


def test_a_student_is_a_model_that_is_walked_in_few_calls(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *LINE, "--epochs", "10", "--out", "run", "--device", "cpu"]) == 0
    assert "60 of 60 steps" in capsys.readouterr().out
    assert {file.suffix for file in Path("run/samples").iterdir()} == {".png", ".gif"}
    losses = [row["loss"] for row in read_metrics(Path("run/metrics.jsonl"))]
    assert losses[-1] < 0.7 * sum(losses[:10]) / 10
    model = nw.load("run")
    assert asdict(model.defaults) == asdict(nw.load("teacher.safetensors").defaults) | {
        "steps": 4,
        "step_rule": "ddim",
        "grid": "linspace",
        "guidance_scale": 1.0,
        "guidance_interval": (),
        "techniques": {},
    }
    learned = recipe_and_dataset(read_spec(Path("run")))[0].objective
    assert isinstance(learned, Distillation)
    assert (learned.guidance_scale, learned.guidance_interval) == (2, (100, 900))  # one is asked for, one the teacher's
    assert len(nw.generate(model, "dark").states) == 4
    for calls in (1, 2, 4, 8):
        assert nw.generate(model, "light", steps=calls).tensor.isfinite().all()
    assert nw.anagram(model, ["dark", "light"]).tensor.isfinite().all()


def test_the_guidance_of_a_student_is_built_in_also_after_packing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *LINE, "--epochs", "0.2", "--out", "run", "--device", "cpu"]) == 0
    assert main(["pack", "run", "--out", "student.safetensors"]) == 0
    for model in ("run", "student.safetensors"):
        capsys.readouterr()
        assert main(["generate", "dark", "--model", model, "--guidance-scale", "3", "--out", "x.png"]) == 2
        said = capsys.readouterr().err
        assert f"'{model}' has a guidance of 2 built in, and no other one: --guidance-scale 3 cannot be used" in said
        assert said.count("\n") == 1
        assert main(["generate", "dark", "--model", model, "--guidance-scale", "1", "--out", "x.png"]) == 0
    assert main(["train", *LINE[:1], "--teacher", "run", *LINE[3:], "--out", "other"]) == 2
    assert "/run' is a student itself, with steps of its own; name its teacher" in capsys.readouterr().err


@pytest.mark.parametrize("built_in", ["2", 1e9, [2], True])
def test_a_damaged_guidance_of_a_checkpoint_is_one_clear_line(built_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, card = load_tensors(Path("teacher.safetensors"))
    save_tensors(Path("bad.safetensors"), tensors, card | {"built_in_guidance": built_in})
    assert main(["generate", "dark", "--model", "bad.safetensors", "--out", "x.png"]) == 2
    said = capsys.readouterr().err
    assert "bad.safetensors is not a picture model of this version of noisewalk" in said
    assert said.count("\n") == 1


def test_a_picture_of_a_student_is_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *LINE, "--epochs", "0.2", "--calls", "2", "--out", "run", "--device", "cpu"]) == 0
    assert main(["generate", "light", "--model", "run", "--seed", "3", "--out", "first.png"]) == 0
    assert main(["replay", "first.png", "--out", "again.png"]) == 0
    first, again = (Image.open(file) for file in ("first.png", "again.png"))
    assert first.tobytes() == again.tobytes()


def test_a_student_that_is_stopped_goes_on_bit_for_bit_and_as_it_was_asked_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C, which comes in the middle of the third step, and then by a limit of time."""
    line = [*LINE, "--epochs", "2", "--guidance-interval", "100", "900", "--device", "cpu"]
    assert main(["train", *line, "--out", "whole"]) == 0
    loss_at, steps = Distillation.loss_at, itertools.count(1)

    def press_ctrl_c(*arguments: Any) -> torch.Tensor:
        if next(steps) == 3:
            signal.raise_signal(signal.SIGINT)
        return loss_at(*arguments)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    with monkeypatch.context() as patched:
        patched.setattr(Distillation, "loss_at", press_ctrl_c)
        assert main(["train", *line, "--out", "stopped"]) == 130
    signal.signal(signal.SIGINT, before)
    assert "3 of 12 steps" in (said := capsys.readouterr().err)
    assert "it is saved, and the same command continues it" in said
    assert load_tensors(Path("stopped") / RUN_CHECKPOINT)[1]["step"] == 3
    assert main(["train", *line, "--out", "stopped", "--minutes", "1e-9"]) == 0
    assert "4 of 12 steps" in capsys.readouterr().out
    assert main(["train", "--resume", "stopped", "--device", "cpu"]) == 0
    whole, resumed = weights("whole"), weights("stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert json.loads(Path("whole/spec.json").read_text())["guidance_interval"] == [100, 900]
    capsys.readouterr()
    assert main(["train", *line, "--calls", "2", "--out", "whole"]) == 2
    assert "whole holds another run: calls was 4 and is now 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["distil"], "distil needs the model whose walk is learned; name it with --teacher"),
        (["flow", "--teacher", "digits"], "--teacher is for distil, not for flow; leave it out"),
        (["ddpm", "--calls", "2"], "--calls is for distil, not for ddpm; leave it out"),
        (["distil", "--teacher", "digit"], "unknown model 'digit'; did you mean 'digits'?"),
        (["distil", "--teacher", "gone.safetensors"], "there is no file or folder 'gone.safetensors'"),
        (["distil", "--teacher", "google/ddpm-cifar10-32"], "'google/ddpm-cifar10-32' is a model of diffusers; choose"),
        (["distil", "--teacher", "sd15"], "'sd15' is a model of diffusers; choose a bundled model"),
        (["distil", "--teacher", "emoji"], "--teacher must be a model of classes, or without prompts, that walks"),
        (["distil", "--teacher", "digits", "--data", "shapes"], "'digits' makes pictures of 1x28x28, but those of shapes are"),
        ([*LINE, "--size", "12"], "makes pictures of 1x8x8, but those of shapes are 1x12x12; choose --data, --size"),
        ([*LINE[:4], "shapes/dark", *LINE[5:]], "are dark, light, but those of shapes/dark are none; choose the --data"),
        ([*LINE, "--guidance-scale", "101"], "--guidance-scale must be at most 100, but 101.0 was asked for"),
        ([*LINE, "--guidance-interval", "800", "200"], "--guidance-interval must be two timesteps, the smaller first"),
        ([*LINE, "--calls", "0"], "--calls must be at least 1, but 0 was asked for"),
        ([*LINE, "--network-size", "large"], "--network-size cannot be chosen for distil, because a student has it from"),
        ([*LINE, "--classes"], "--classes cannot be chosen for distil, because a student has it from its teacher"),
    ],
)
def test_what_cannot_be_distilled_is_one_clear_line(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *line, "--out", "run"]) == 2
    said_instead = capsys.readouterr().err
    assert said in said_instead.replace(os.getcwd() + "/", "")
    assert said_instead.count("\n") == 1
    assert not Path("run/spec.json").exists()
