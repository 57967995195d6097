"""The documents that come with noisewalk, and the tour that is made of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from noisewalk.cli.main import main
from noisewalk.commands import Job, part, read
from noisewalk.documents import runs, site
from noisewalk.documents.build import BuildOptions, build
from noisewalk.documents.reading import Document, Training, read_document
from noisewalk.documents.resolving import CommandResolver
from noisewalk.documents.runs import bundled
from noisewalk.documents.site import BUNDLED
from noisewalk.models.zoo import load
from noisewalk.requests import Train
from noisewalk.run.prepare import prepare
from noisewalk.run.recipes import configure, recipe_and_dataset
from noisewalk.run.training import RunSpec
from noisewalk.techniques import TECHNIQUES

PART_A = ("tour", "tour-digits")
TRAININGS = [
    pair
    for block in read_document(BUNDLED / "tour-b.md").blocks.values()
    for pair in zip(block.options.bundled or ("",), block.commands, strict=True)
]


def jobs(document: Document) -> list[tuple[Any, Job]]:
    """Return the techniques of a document, each with its fence."""
    every = [(block, command.job) for block in document.blocks.values() for command in block.commands]
    return [(block, job) for block, job in every if isinstance(job, Job)]


@pytest.mark.parametrize("name", PART_A)
def test_part_a_shows_every_technique(name: str) -> None:
    found = jobs(read_document(BUNDLED / f"{name}.md"))
    assert {job.technique for _, job in found} == set(TECHNIQUES)
    assert {job.technique for block, job in found if block.options.seeds} == {"anagram", "hybrid"}


@pytest.mark.parametrize("name", PART_A)
def test_every_command_of_part_a_can_be_made(name: str, tmp_path: Path) -> None:
    """Its pictures exist, its prompts are known, and its lengths and grids fit the model."""
    document = read_document(BUNDLED / f"{name}.md")
    ask = CommandResolver(document, tmp_path, "", {})
    for block in document.blocks.values():
        for command in block.commands:
            asked = ask(command)
            assert TECHNIQUES[asked.job.technique].panels(prepare(asked.job.request, asked.model)), command.line
            assert asked.model is load(document.settings["model"])


@pytest.mark.parametrize("name", PART_A)
def test_a_picture_of_ones_own_is_inpainted_too(name: str, tmp_path: Path) -> None:
    """Whatever its shape is: the tour's mask is fitted to it."""
    Image.new("RGB", (50, 31), "red").save(tmp_path / "mine.png")
    document = read_document(BUNDLED / f"{name}.md", {"image": str(tmp_path / "mine.png")})
    every = [command for block in document.blocks.values() for command in block.commands]
    mine = [command for command in every if command.words[0] == "inpaint" and command.words[1].endswith("mine.png")]
    assert mine
    for command in mine:
        asked = CommandResolver(document, tmp_path / "out", "", {})(command)
        assert TECHNIQUES["inpaint"].panels(prepare(asked.job.request, asked.model))


def test_part_a_is_made_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fence of each kind works with fewer steps and seeds, and a user's own picture replaces the tour's."""
    monkeypatch.chdir(tmp_path)
    text = (BUNDLED / "tour-digits.md").read_text().replace("0:24", "0:2").replace("--steps 10", "--steps 2")
    head, *parts = text.split("\n## ")
    (tmp_path / "tour-digits.md").write_text("\n## ".join([head, parts[0].replace("--num 6", "--num 2"), parts[1], parts[10]]))
    monkeypatch.setattr(site, "BUNDLED", tmp_path)
    shutil.copyfile(BUNDLED.parents[1] / "pictures" / "digit-7.png", "mine.png")
    assert main(["tour", "--model", "digits", "--image", "mine.png"]) == 0
    page = Path("out/tour/index.html").read_text()
    assert page.count("<h2") == 3
    assert "noisewalk forward out/tour/inputs/mine.png" in page
    assert page.count("It is the best of 2 seeds, with a score of") == 2
    assert page.count("The score is that of the worst way of looking.") == 1
    assert page.count("The scorer is right in 99.9 % of the test digits") == 1


@pytest.mark.parametrize("model", ["emoji", "digits"])
def test_a_tour_with_seeds_of_its_own_refuses_another(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour", "--model", model, "--seed", "3", "--out", str(tmp_path)]) == 2
    assert "has seeds of its own; leave out --seed" in capsys.readouterr().err
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(("name", "command"), TRAININGS, ids=[name or "live" for name, _ in TRAININGS])
def test_the_command_shown_is_the_one_that_made_the_run(name: str, command: Any) -> None:
    """Every command parses on the command line too and can be trained, and the bundled run has the same request."""
    training = command.job
    assert isinstance(training, Training)
    assert training.spec == part(read(Train, command.words[1:], "train"), RunSpec)
    recipe, _ = recipe_and_dataset(training.spec)
    assert configure(recipe.config, training.spec).epochs > 0
    if name:
        assert (bundled(name, training) / "metrics.jsonl").is_file()


def test_a_copy_without_the_pictures_of_a_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel has the numbers of the bundled runs, and not their pictures."""
    without = shutil.ignore_patterns("*.png", "*.gif")
    shutil.copytree(runs.BUNDLED / "denoiser", tmp_path / "runs" / "denoiser", ignore=without)
    monkeypatch.setattr(runs, "BUNDLED", tmp_path / "runs")
    (tmp_path / "b.md").write_text("# B\n\n```noisewalk bundled=denoiser\ntrain denoiser --dtype bfloat16\n```\n")
    report = build(read_document(tmp_path / "b.md"), BuildOptions(tmp_path / "out"))
    page = report.page.read_text()
    assert "holds the numbers of this run and not the pictures that it drew" in page
    assert page.count("<img") == 2  # the loss, and the dialog that enlarges it


@pytest.mark.slow  # the new network draws its samples
def test_part_b_trains_a_run_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps of training, however slow the machine is: the page shows how far it went, and what was measured."""

    def measured(name: str, num: int, walk: object, watch: object, out: Path) -> None:  # `evaluate` has tests of its own
        assert (Path(name), num, walk) == (out, 100, {})
        (out / "evaluation.txt").write_text(f"{'read as asked':36}0.1000\n")

    monkeypatch.setattr(runs, "evaluate_model", measured)
    head, *parts = (BUNDLED / "tour-b.md").read_text().split("\n## ")
    live = parts[-1].replace("--epochs {epochs}", "--epochs 0.02").replace("--minutes {minutes}", "")
    (tmp_path / "b.md").write_text("\n## ".join([head, parts[2], live]))
    report = build(read_document(tmp_path / "b.md"), BuildOptions(tmp_path / "out"))
    assert not report.failed
    page = report.page.read_text()
    assert "Trained just now" in page
    assert "3 steps, loss" in page
    assert "<td>read as asked</td><td>0.1000</td>" in page


def test_both_parts_are_one_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("tour", "# A\n\n## First\n"), ("tour-b", "---\nminutes: 1\n---\n\n# B\n\n## Second\n")):
        (tmp_path / f"{name}.md").write_text(text)
    monkeypatch.setattr(site, "BUNDLED", tmp_path)
    assert main(["tour", "--part", "all", "--out", str(tmp_path / "out")]) == 0
    contents = (tmp_path / "out" / "index.html").read_text()
    for page, heading in (("tour", "first"), ("tour-b", "second")):
        assert f'href="{page}/index.html#{heading}"' in contents
        assert 'href="../index.html"' in (tmp_path / "out" / page / "index.html").read_text()


def test_a_training_of_another_command_is_not_shown_as_the_bundled_one() -> None:
    name, command = TRAININGS[0]
    with pytest.raises(ValueError, match="was made by another command: seed was 0, is 1"):
        bundled(name, replace(command.job, spec=replace(command.job.spec, seed=1)))
