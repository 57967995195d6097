"""A technique that is added as one file and one row is a command, a function, in metadata, in replay and under the laws."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk.cli.main import main, overview
from noisewalk.search.plan import make_plan
from noisewalk.techniques import TECHNIQUES

FILE = '''
"""Mirrored pictures: the mean of what the model says of a picture and of its mirror image."""

from __future__ import annotations

from dataclasses import dataclass, field

from noisewalk.guidance import VIEWS, combine_views
from noisewalk.fields import argument, option
from noisewalk.techniques.panels import Panel, guided, walk_panel
from noisewalk.techniques.requests import Walk
from noisewalk.techniques.stages import Prepared, Stage
from noisewalk.walk import Denoiser


@dataclass(frozen=True, kw_only=True)
class Mirror(Walk):
    """Draw a prompt that looks the same in a mirror."""

    prompt: str = field(kw_only=False, metadata=argument("what to draw"))
    share: float = option(0.5, "weight of the mirror image", 0, 1)


def guide(stage: Stage[Mirror]) -> Denoiser:
    straight = guided(stage, stage.request.prompt)
    share = stage.request.share
    return combine_views([straight, straight], [VIEWS["identity"], VIEWS["flip-horizontal"]], (1 - share, share))


def panels(prepared: Prepared[Mirror]) -> list[Panel]:
    return [walk_panel(prepared.request.prompt, prepared, guide)]
'''


ROW = """
from mirror import Mirror, panels
from noisewalk.techniques import TECHNIQUES, Technique

TECHNIQUES["mirror"] = Technique(request=Mirror, panels=panels)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Add the file and the row, and remove the row at the end."""
    (tmp_path / "mirror.py").write_text(FILE)
    (tmp_path / "row.py").write_text(ROW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(TECHNIQUES, "mirror", TECHNIQUES["generate"])
    for name in ("mirror", "row"):
        sys.modules.pop(name, None)
    importlib.import_module("row")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_a_command_whose_pictures_remember_it_and_replay(capsys: pytest.CaptureFixture[str]) -> None:
    assert "mirror     Draw a prompt that looks the same in a mirror." in overview()
    with pytest.raises(SystemExit) as stop:
        main(["mirror", "--help"])
    assert stop.value.code == 0
    assert "weight of the mirror image" in capsys.readouterr().out
    assert main(["mirror", "8", "--share", "2"]) == 2
    assert "--share must be at most 1" in capsys.readouterr().err
    assert main(["mirror", "8", "--share", "0.25", "--steps", "2", "--out", "a.png"]) == 0
    with Image.open("a.png") as image:
        record = json.loads(image.text["noisewalk"])
    assert (record["verb"], record["spec"]["share"]) == ("mirror", 0.25)
    assert main(["replay", "a.png"]) == 0
    assert "every pixel agrees" in capsys.readouterr().out


def test_it_is_a_function_and_can_be_searched() -> None:
    result = nw.mirror("digits", "8", share=0, steps=2)  # type: ignore[attr-defined]
    plain = nw.generate("digits", "8", steps=2, step_rule="ddim", guidance_interval=(0, 999))  # its card's for all but generate
    torch.testing.assert_close(result.tensor, plain.tensor)
    with pytest.raises(nw.UserError, match="share must be at most 1"):
        nw.mirror("digits", "8", share=2)  # type: ignore[attr-defined]
    plan = make_plan("mirror", TECHNIQUES["mirror"].request("8", steps=2), nw.load("digits"), range(4))
    assert [task.seeds for task in plan.tasks("full")] == [(0, 1, 2, 3)]


def test_it_is_under_the_laws_of_the_registry(folder: Path) -> None:
    """Run the laws of techniques with the new row: bounds of numbers, pictures in parts, replay, and the function."""
    laws = ["-q", "-p", "row", "-p", "no:cacheprovider", "-k", "mirror", str(Path(__file__).with_name("test_api.py"))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    done = subprocess.run([sys.executable, "-m", "pytest", *laws], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 10  # type: ignore[index]


def test_one_that_is_taken_out_is_gone() -> None:
    del TECHNIQUES["mirror"]
    with pytest.raises(AttributeError, match="has no attribute 'mirror'"):
        nw.mirror  # type: ignore[attr-defined]  # noqa: B018
