"""The page of part B."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from noisewalk.commands import part, read
from noisewalk.requests import RunSpec, Train
from noisewalk.run.training import configure, read_spec, recipe_and_dataset
from noisewalk.tour.training import RUNS, TRAININGS, shown, tour_training


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_the_command_shown_is_the_one_that_made_the_run(training) -> None:
    """Every command parses and can be trained, and the run that comes with the package is of it."""
    spec = part(read(Train, shlex.split(training.command)[1:], "train"), RunSpec)
    recipe, _ = recipe_and_dataset(spec)
    assert configure(recipe.config, spec).epochs > 0
    run = RUNS / training.name
    assert read_spec(run) == spec
    assert [image for image in shown(run, "")[0].images if image[0] == "loss curve"]


@pytest.mark.slow
def test_the_page_trains_a_run_that_draws_digits(tmp_path: Path) -> None:
    page = tour_training(tmp_path, 10, lambda done, total: None).read_text()
    assert "Trained just now" in page
    assert "469 of 469 steps" in page
    rows = (tmp_path / "run" / "evaluation.txt").read_text().splitlines()
    assert float(next(row for row in rows if row.startswith("read as asked")).split()[-1]) > 0.7
