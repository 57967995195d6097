"""Memory is estimated before it is taken: requests that do not fit are refused at once, and usual requests are made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.run.memory import estimate
from noisewalk.run.prepare import prepare
from noisewalk.techniques import TECHNIQUES
from noisewalk.techniques.requests import Generate

TOO_LARGE = ["--num", "4096", "--steps", "1000", "--upsample", "1", "--upsample-steps", "1000", "--trajectory"]
"""All states of 4,096 walks of 2,000 steps, half of them of 128x128 pixels: 1.7 TB."""


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize(
    "line", [["generate", "a cat"], ["anagram", "a cat", "a dog"], ["hybrid", "a cat", "a dog"]], ids=lambda line: line[0]
)
def test_what_certainly_does_not_fit_is_refused_before_memory_is_taken(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resident()
    assert main([*line, "--model", "emoji", *TOO_LARGE, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    told = re.search(r"this needs about ([\d,.]+) GB of memory, but ([\d,.]+) GB are free; lower --num or --steps", said)
    assert told, said
    needed, free = (float(number.replace(",", "")) for number in told.groups())
    assert needed > 1000 > free
    assert "or leave out the trajectory" in said
    assert resident() - before < 500e6  # the model itself
    assert not list(tmp_path.iterdir())


class Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize("fields", [{"num": 4096}, {"num": 4096, "steps": 1000}, {"seeds": range(4096)}])
def test_pictures_that_are_large_and_many_are_refused_in_python_too(fields: dict[str, Any]) -> None:
    model = nw.from_network(Nothing(), shape=(3, 4096, 4096))
    before = resident()
    with pytest.raises(nw.UserError, match=r"this needs about .* GB of memory, .*; lower num or steps"):
        nw.generate(model, "", **fields)
    assert resident() - before < 1e9


def test_an_estimate_is_what_the_result_holds_and_an_ordinary_request_is_made() -> None:
    model = nw.from_network(Nothing(), shape=(3, 64, 64))
    request = Generate("", num=8, steps=5)
    panels = TECHNIQUES["generate"].panels(prepare(request, model))
    result = nw.generate(model, "", num=8, steps=5)
    states = sum(state.x_t.nbytes + state.x0.nbytes for state in result.states)
    assert states == 2 * 5 * 8 * 3 * 64 * 64 * 4
    assert states < estimate(panels, 8, 8, keep_states=True) < 2 * states
    assert estimate(panels, 8, 800, keep_states=True) == 100 * estimate(panels, 8, 8, keep_states=True)
    assert estimate(panels, 8, 8, keep_states=False) < estimate(panels, 8, 8, keep_states=True) / 2
