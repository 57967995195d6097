"""A package that is really installed adds a view, a step rule, a technique, a model and a scorer."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from noisewalk.cli.main import main

CODE = '''
from dataclasses import dataclass, field

import torch

import noisewalk as nw
from noisewalk.guidance import register
from noisewalk.guidance.views import permutation
from noisewalk.judge.scorer import SCORERS
from noisewalk.models.zoo import register_model
from noisewalk.techniques import TECHNIQUES, Technique
from noisewalk.techniques.generate import Generate, panels
from noisewalk.walk import STEP_RULES, StepRule, ddim


class Grey(torch.nn.Module):
    def forward(self, x_t, t):
        return torch.zeros_like(x_t)


class Brightness:
    def score(self, pictures, prompts):
        return pictures.mean((1, 2, 3))[:, None].expand(-1, len(prompts))


@dataclass(frozen=True, kw_only=True)
class Doodle(Generate):
    """Draw a doodle, as the tiny package does it."""


def add():
    register(permutation("tiny-shift", lambda x: x.roll(3, dims=3), lambda x: x.roll(-3, dims=3)))
    STEP_RULES["tiny-rule"] = StepRule(make=lambda: ddim(0.5), title="half random", order=1, random=True)
    SCORERS["tiny-scorer"] = Brightness
    register_model("tiny-model", lambda: nw.from_network(Grey(), shape=(1, 28, 28), name="tiny-model"))
    TECHNIQUES["doodle"] = Technique(request=Doodle, panels=panels)


def fail():
    raise RuntimeError("out of ink")
'''


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The folder in which the package is installed from a wheel."""
    folder = tmp_path_factory.mktemp("plugin")
    wheel, info = folder / "tiny_walk-1.0-py3-none-any.whl", "tiny_walk-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny_walk.py", CODE)
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-walk\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[noisewalk.plugins]\ntiny = tiny_walk:add\nzz-broken = tiny_walk:fail\n")
        names = ("tiny_walk.py", *(f"{info}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD")))
        file.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder / "site")]
    subprocess.run([*install, str(wheel)], check=True, timeout=120)
    search_path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": search_path}


LINES = (
    "doodle 7 --steps 2 --step-rule tiny-rule --out a.png",
    "replay a.png",
    "anagram 6 9 --views identity tiny-shift --steps 2 --out b.png",
    "generate '' --model tiny-model --steps 2 --out c.png",
    "search doodle 7 --scorer tiny-scorer --seeds 0:2 --steps 2 --out found",
    "--help",
)
ALL = f"""
import shlex
from noisewalk.cli.main import main

assert not any(main(shlex.split(line)) for line in {LINES})
"""


def test_all_that_it_adds_works_on_the_command_line_and_what_fails_is_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    line = [sys.executable, "-c", ALL]
    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "a.png: every pixel agrees\n" in done.stdout
    assert "  doodle " in done.stdout
    assert done.stderr.count("the plugin 'tiny-walk' is left out: RuntimeError: out of ink") == 1


def test_without_the_package_there_is_none_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doodle", "7"]) == 2
    assert "doodle" in capsys.readouterr().err
