"""Results and the files they are saved as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import noisewalk as nw
from noisewalk.files import check_file, check_folder, distinct
from noisewalk.run.record import read_record
from noisewalk.run.replay import replay
from noisewalk.run.result import Result


@pytest.fixture(scope="module")
def model() -> nw.Pretrained:
    return nw.load("digits")


def with_labels(result: Result, *labels: str) -> Result:
    """Return a result whose panels have these labels."""
    panels = [
        replace(walked, panel=replace(walked.panel, label=labels[i % len(labels)])) for i, walked in enumerate(result.panels)
    ]
    return replace(result, panels=tuple(panels))


@pytest.mark.parametrize("labels", [("a: 1", "a 1!"), ("x" * 70 + "1", "x" * 70 + "2"), ("🚀", "🐱")])
def test_panels_of_one_slug_are_different_files(model: nw.Pretrained, tmp_path: Path, labels: tuple[str, str]) -> None:
    result = nw.edit(model, nw.generate(model, "7", steps=2).image, prompt="3", start=(0, 1), steps=2, num=2)
    result = with_labels(result, *labels)
    outputs = [panel for panel in result.panels if panel.is_output]
    files = result.save(tmp_path, trajectory=True)
    walks = [panel for panel in result.panels if len(panel.states) > 1]
    assert len(outputs) == 2
    assert len(set(files)) == len(files) == 1 + 2 * 2 + 2 * len(walks)
    assert all(file.is_file() for file in files)
    pictures = [read_record(file).picture.index for file in files if file.suffix == ".png" and "seed" in file.name]
    assert sorted(pictures) == [0, 1, 2, 3]


def test_a_seed_asked_for_twice_is_two_files(model: nw.Pretrained, tmp_path: Path) -> None:
    files = nw.generate(model, "7", steps=2, seeds=(3, 3, 4)).save(tmp_path)
    assert [file.name for file in files] == ["figure.png", "seed3.png", "seed3-2.png", "seed4.png"]
    assert all(replay(file).agrees for file in files)


def test_distinct_names_stay_as_they_are_where_they_can() -> None:
    assert distinct(["a", "b"]) == ["a", "b"]
    many = distinct(["a", "a-2", "a", "a", "a-2"])
    assert len(set(many)) == 5
    assert many[:2] == ["a", "a-2"]


def test_endings_of_files_and_folders(tmp_path: Path) -> None:
    check_file(tmp_path / "A.PNG", "a picture", ".png")
    for name in ("a.jpg", "a", "a.png.txt", ".png"):
        with pytest.raises(nw.UserError, match=r"a picture is saved as \.png, but .* was asked for"):
            check_file(tmp_path / name, "a picture", ".png")
    (tmp_path / "data.zip").mkdir()
    check_folder(tmp_path / "data.zip", "a run")  # a folder that is there is one, whatever its name
    for name in ("new", "v1.2", "runs.old"):
        check_folder(tmp_path / name, "a run")
    with pytest.raises(nw.UserError, match=r"a run is a folder, but --resume .*x\.json has the name of a file"):
        check_folder(tmp_path / "x.json", "a run", "--resume")


@pytest.mark.parametrize("name", ["x.jpg", "x.txt", "x.safetensors", "x.svg", "x.pdf"])
def test_a_result_is_not_saved_as_something_else(model: nw.Pretrained, tmp_path: Path, name: str) -> None:
    result = nw.generate(model, "7", steps=1)
    with pytest.raises(nw.UserError, match=r"saved as \.png"):
        result.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
