"""Training from the command line: run folders, resuming after a kill, and a user's own data."""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.lock import held
from noisewalk.models.checkpoint import RUN_CHECKPOINT, load_tensors
from noisewalk.run import recipes
from noisewalk.run.recipes import configure, initialized_from, recipe_and_dataset
from noisewalk.run.training import RunSpec, read_spec
from noisewalk.training.records import read_metrics


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shapes() -> str:
    """A folder of two classes of 16x16 pictures, with files that are not pictures."""
    draw = np.random.default_rng(0)
    for name, value in (("dark", 40), ("light", 200)):
        (Path("shapes") / name).mkdir(parents=True)
        for i in range(6):
            pixels = draw.integers(value - 30, value + 30, (20, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(f"shapes/{name}/{i}.png")
    Path("shapes/dark/notes.txt").write_text("not a picture")
    Path("shapes/light/empty.png").touch()
    return "shapes"


def _train(*arguments: str) -> int:
    return main(["train", *arguments, "--device", "cpu"])


def test_a_run_on_a_folder_is_a_model_for_every_technique(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["flow", "--classes", "--data", shapes, "--size", "16", "--epochs", "50", "--out", "run"]
    assert _train(*line) == 0
    assert "2 of 2 steps" in capsys.readouterr().out
    report = Path("run/report.html").read_text()
    assert "2 pictures could not be used" in report
    assert "notes.txt" in report
    assert {path.name for path in Path("run").iterdir()} >= {"spec.json", "checkpoints", "samples", "report.html"}
    assert {path.suffix for path in Path("run/samples").iterdir()} == {".png", ".gif"}
    model = nw.load("run")
    assert model.shape == (3, 16, 16)
    assert nw.generate(model, "dark", steps=2).tensor.shape == (1, 3, 16, 16)
    assert nw.anagram(model, ["dark", "light"], steps=2).tensor.shape == (1, 3, 16, 16)
    assert main(["generate", "drak", "--model", "run"]) == 2
    assert "did you mean 'dark'" in capsys.readouterr().err


@pytest.mark.parametrize("objective", ["ddpm", "flow"])
@pytest.mark.parametrize("recipe", ["course", "fast"])
def test_every_recipe_trains_without_classes_and_draws(shapes: str, objective: str, recipe: str) -> None:
    line = [objective, "--recipe", recipe, "--data", shapes, "--size", "8", "--channels", "1", "--epochs", "1"]
    assert _train(*line, "--batch-size", "12", "--out", "run") == 0
    model = nw.load("run")
    assert model.shape == (1, 8, 8)
    assert nw.generate(model, "", steps=2).tensor.isfinite().all()
    with pytest.raises(nw.UserError, match="trained without classes"):
        nw.generate(model, "dark")


def test_a_run_with_every_choice_is_kept_goes_on_and_is_a_model(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped after a moment and resumed, it ends with the same weights as one that is left alone."""
    line = [
        "flow",
        "--classes",
        "--data",
        shapes,
        "--size",
        "16",
        "--epochs",
        "12",
        "--batch-size",
        "4",
        "--network-size",
        "small",
    ]
    line += ["--prediction-type", "sample", "--min-snr", "5", "--coupling", "ot", "--flips", "--accumulate", "2"]
    line += ["--samples-every", "5"]
    assert _train(*line, "--out", "whole") == 0
    assert _train(*line, "--out", "stopped", "--minutes", "1e-9") == 0
    assert "1 of 36 steps" in capsys.readouterr().out
    assert main(["train", "--resume", "stopped", "--device", "cpu"]) == 0
    (whole, _), (resumed, _) = (load_tensors(Path(run) / RUN_CHECKPOINT) for run in ("whole", "stopped"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert {path.name for path in Path("whole/samples").glob("*samples.png")} == {
        f"epoch-{epoch}-samples.png" for epoch in ("05", "10", "12")
    }
    spec = read_spec(Path("whole"))
    assert (spec.network_size, spec.prediction_type, spec.min_snr, spec.coupling) == ("small", "sample", 5.0, "ot")
    assert nw.generate(nw.load("whole"), "dark", steps=2).tensor.isfinite().all()
    capsys.readouterr()
    assert _train(*line, "--out", "whole", "--min-snr", "3") == 2
    assert "min_snr was 5.0 and is now 3.0" in capsys.readouterr().err


def test_the_same_command_goes_on_and_another_is_refused(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["flow", "--data", shapes, "--size", "16", "--epochs", "40", "--out", "run"]
    assert _train(*line) == 0
    assert _train(*line) == 0  # already done: nothing happens
    capsys.readouterr()
    assert _train(*line, "--seed", "1") == 2
    assert "run holds another run: seed was 0 and is now 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["flwo"], "unknown objective 'flwo'; did you mean 'flow'?"),
        (["flow", "--recipe", "fats"], "unknown recipe 'fats'; did you mean 'fast'?"),
        (["flow", "--data", "minst"], "there is no data set 'minst'"),
        (["flow", "--data", "none"], "has 0 readable pictures"),
        (["flow", "--data", "lonely"], "lonely/b has 1 readable pictures"),
        (["flow", "--data", "shapes", "--size", "30"], "--size must be divisible by 4"),
        (["flow", "--data", "shapes", "--epochs", "0"], "--epochs must be more than 0, but 0.0 was asked for"),
        (["flow", "--data", "shapes", "--batch-size", "-1"], "--batch-size must be at least 1, but -1 was asked for"),
        (["flow", "--data", "shapes/dark", "--classes"], "has 0 classes"),
        (["flow", "--data", "shapes", "--decay", "cosin"], "did you mean 'cosine'?"),
        (["flow", "--data", "shapes", "--prediction-type", "epsilon"], "does not say what the picture is at pure noise"),
        (["ddpm", "--data", "shapes", "--coupling", "ot"], "--coupling ot is for flow matching; the schedule is 'ddpm-1000'"),
        (["flow", "--data", "mnist-sample", "--flips"], "--flips would mirror the digits of mnist-sample"),
        (["flow", "--data", "shapes", "--recipe", "course", "--network-size", "large"], "--network-size is for the network"),
        (
            ["denoiser", "--data", "shapes", "--min-snr", "5"],
            "--min-snr is for networks that are walked (ddpm, flow), not for denoiser",
        ),
        (["flow", "--data", "shapes", "--batch-size", "8", "--accumulate", "3"], "--accumulate must divide the 8 pictures"),
        (["flow", "--data", "shapes", "--device", "cuda"], "sees no CUDA GPU"),
        (["flow", "--data", "shapes", "--device", "meta"], "the device 'meta' was asked for, but PyTorch cannot compute there"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_line(
    shapes: str, line: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "cuda" in line and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    Path("none").mkdir()
    for name, count in (("a", 2), ("b", 1)):
        Path(f"lonely/{name}").mkdir(parents=True)
        for i in range(count):
            Image.new("L", (16, 16), i).save(f"lonely/{name}/{i}.png")
    assert main(["train", *line, "--out", "run"]) == 2
    said_instead = capsys.readouterr().err
    assert said in said_instead
    assert said_instead.count("\n") == 1


def test_metrics_survive_a_line_cut_short_and_steps_done_twice() -> None:
    rows = [{"step": 50, "loss": 1.0}, {"step": 100, "loss": 0.9}, {"step": 100, "loss": 0.8}]
    Path("metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + '\n{"step": 15')
    assert [row["loss"] for row in read_metrics(Path("metrics.jsonl"))] == [1.0, 0.8]


@pytest.mark.usefixtures("posix")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("threads", "epochs", "ways"),
    [
        (1, 12, (("SIGTERM", 5), ("SIGKILL", 10), ("SIGINT", 20))),
        (2, 6, (("SIGHUP", 3), ("SIGKILL", 6))),  # two threads take longer for such small tensors than one
    ],
    ids=["1 thread", "2 threads"],
)
def test_killed_and_stopped_in_every_way_it_ends_with_the_same_weights(
    shapes: str, threads: int, epochs: int, ways: tuple[tuple[str, int], ...]
) -> None:
    """A run that is killed, terminated, interrupted and hung up ends bit for bit like a run that is not."""
    line = ["flow", "--classes", "--data", shapes, "--size", "8"]  # 6 steps an epoch: a quick machine is caught, too
    line += ["--batch-size", "2", "--epochs", str(epochs), "--samples-every", "6", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}

    def start(out: str) -> subprocess.Popen[str]:
        def heed() -> None:  # a shell in the background has Ctrl-C ignored, and nohup the hang-up
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)

        pipes: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-m", "noisewalk", "train", *line, out, "--device", "cpu"]
        return subprocess.Popen(command, env=environment, preexec_fn=heed, **pipes)

    for name, step in ways:
        number = signal.Signals[name]
        process = start("broken")
        until = time.monotonic() + 300
        while (rows := read_metrics(Path("broken/metrics.jsonl"))) == [] or rows[-1]["step"] < step:
            assert time.monotonic() < until
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        time.sleep(random.Random(step).uniform(0, 0.05))  # anywhere in a step
        process.send_signal(number)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), said
        assert ("it is saved, and the same command continues it" in said) == (number != signal.SIGKILL)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for out in ("whole", "broken"):
            assert _train(*line, out) == 0
    finally:
        torch.set_num_threads(before)
    whole, broken = (load_tensors(Path(out) / RUN_CHECKPOINT) for out in ("whole", "broken"))
    assert whole[1]["step"] == broken[1]["step"] == 6 * epochs
    assert whole[0].keys() == broken[0].keys()
    assert [name for name in whole[0] if not torch.equal(whole[0][name], broken[0][name])] == []
    logs = [[json.loads(row) for row in Path(out, "metrics.jsonl").read_text().splitlines()] for out in ("whole", "broken")]
    assert [(row["step"], row["loss"]) for row in logs[0]] == [(row["step"], row["loss"]) for row in logs[1]]
    names = [sorted(str(file.relative_to(out)) for file in Path(out).rglob("*")) for out in ("whole", "broken")]
    assert len(names[0]) == len(names[1]), names  # nothing is left behind (the shards are named by their contents)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["digit"], "unknown model 'digit'; did you mean 'digits'?"),
        (["digits", "--num", "55"], "--num must be at least 100, but 55 was asked for"),
        (["digits", "--num", "100", "--step-rule", "eulr"], "did you mean 'euler'?"),
    ],
)
def test_what_cannot_be_evaluated_is_one_clear_line(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *line]) == 2
    said_instead = capsys.readouterr().err
    assert said in said_instead
    assert said_instead.count("\n") == 1


def test_an_evaluation_waits_for_the_run_that_is_being_trained(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train("flow", "--data", shapes, "--size", "8", "--epochs", "40", "--out", "run", "--minutes", "0.0001") == 0
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    with held(Path("run"), "noisewalk train"):
        capsys.readouterr()
        assert main(["evaluate", "run", "--num", "100"]) == 2
        assert main(["evaluate", "digits", "--num", "100", "--out", "run"]) == 2
        said = capsys.readouterr().err
    assert said.count("noisewalk: run is being written by noisewalk train (process") == 2
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file() and "lock" not in path.name} == {
        path: data for path, data in before.items() if "lock" not in path.name
    }


def test_evaluate_says_how_it_was_measured_and_what_to_read_it_against(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It uses 100 digits and a part of MNIST; bench/digits_quality.py measures the real numbers."""
    from noisewalk.run import evaluation
    from noisewalk.training.data import LabelledPictures, mnist

    try:
        test = mnist("test")
    except (nw.UserError, UserWarning) as error:
        pytest.skip(str(error))
    halves = {"train": slice(0, 5000), "test": slice(5000, None)}
    monkeypatch.setattr(
        evaluation, "mnist", lambda split: LabelledPictures(test.pictures[halves[split]], test.labels[halves[split]])
    )
    assert main(["evaluate", "digits", "--num", "100", "--steps", "8"]) == 0
    rows = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines()[2:4])
    assert float(rows[next(row for row in rows if row.startswith("read as asked"))]) >= 0.95


def test_resume_goes_on_as_the_run_was_asked_to(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["flow", "--classes", "--data", shapes, "--size", "8", "--epochs", "50", "--network", "unet-course", "--out", "run"]
    assert _train(*line, "--minutes", "0.0001") == 0
    assert "1 of 2 steps" in capsys.readouterr().out
    assert Path("run/samples/latest-samples.png").exists()
    assert _train("--resume", "run") == 0
    assert "2 of 2 steps" in capsys.readouterr().out
    assert load_tensors("run" / RUN_CHECKPOINT)[1]["network"] == "unet-course"
    assert _train("flow", "--resume", "run") == 0  # to repeat the settings of the run is allowed
    assert _train("ddpm", "--resume", "run", "--epochs", "60") == 2
    assert (
        "run holds another run: objective was flow and is now ddpm; epochs was 50.0 and is now 60.0" in capsys.readouterr().err
    )
    assert _train("--resume", "shapes") == 2
    assert "shapes has no spec.json, so it is not a training run" in capsys.readouterr().err
    assert _train() == 2
    assert "name what to train" in capsys.readouterr().err


def test_either_network_trains_by_either_recipe(shapes: str) -> None:
    for recipe, network in (("course", "unet-fast"), ("fast", "unet-course")):
        line = ["flow", "--recipe", recipe, "--network", network, "--data", shapes, "--size", "8", "--epochs", "10"]
        assert _train(*line, "--out", recipe) == 0
        assert nw.generate(nw.load(recipe), "", steps=2).tensor.isfinite().all()


def test_the_dtype_is_the_recipes_where_the_hardware_has_it_and_the_users_everywhere(
    shapes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fast, course = (recipe_and_dataset(RunSpec("flow", recipe, shapes, size=8))[0].config for recipe in ("fast", "course"))
    for able in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(recipes, "fastest_dtype", lambda device, able=able: able)
        assert configure(fast, RunSpec("flow")).bf16 == (able == torch.bfloat16)
        assert not configure(course, RunSpec("flow")).bf16
        assert configure(course, RunSpec("flow", dtype="bfloat16")).bf16
        assert not configure(fast, RunSpec("flow", dtype="float32")).bf16
    line = ["flow", "--data", shapes, "--size", "8", "--epochs", "10"]
    assert _train(*line, "--dtype", "float32", "--out", "plain") == 0
    assert not load_tensors("plain" / RUN_CHECKPOINT)[1]["train"]["bf16"]
    assert _train(*line, "--dtype", "int8", "--out", "other") == 2
    assert "unknown dtype 'int8'" in capsys.readouterr().err
    assert not Path("other").exists()


def test_several_runs_are_compared_on_one_page(shapes: str) -> None:
    for rate in ("1e-3", "1e-4"):
        line = ["flow", "--data", shapes, "--size", "8", "--epochs", "20", "--learning-rate", rate]
        assert _train(*line, "--out", rate) == 0
    assert main(["compare", "1e-3", "1e-4", "--out", "compare.html"]) == 0
    page = Path("compare.html").read_text()
    assert "2 runs that differ in learning_rate" in page
    assert "learning_rate 0.0001" in page


def test_a_run_that_starts_from_another_has_its_weights(shapes: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["flow", "--data", shapes, "--size", "8", "--epochs", "40"]
    assert _train(*line, "--out", "first", "--minutes", "0.0001") == 0
    first = load_tensors("first" / RUN_CHECKPOINT)[0]
    recipe = initialized_from("first", recipe_and_dataset(read_spec(Path("first")))[0])
    weights = recipe.network().state_dict()
    assert all(torch.equal(weights[name], first[f"averaged.{name}"]) for name in weights)
    assert _train(*line, "--out", "second", "--init", "first", "--minutes", "0.0001") == 0
    Path("first").rename("gone")  # where it came from is needed only once
    assert _train(*line, "--out", "second", "--init", "first") == 0
    capsys.readouterr()
    assert _train(*line, "--out", "third", "--init", "digits") == 2
    assert (
        "--init digits has another network: its image_size is 28 instead of 8, its in_channels is 1" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "it may be cut short"),
        (lambda path: Path("run/spec.json").write_text(Path("run/spec.json").read_text()[:20]), "cannot be read as the spec"),
        (
            lambda path: [file.replace(path.parent / file.name) for file in Path("other").glob("checkpoints/*.safetensors")],
            "another network",
        ),
    ],
)
def test_a_damaged_run_is_one_clear_line_and_stays_as_it_is(
    shapes: str, damage: Callable[[Path], object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["flow", "--data", shapes, "--size", "8", "--epochs", "40"]
    assert _train(*line, "--out", "run", "--minutes", "0.0001") == 0
    assert _train(*line, "--out", "other", "--network", "unet-course", "--minutes", "0.0001") == 0
    path = "run" / RUN_CHECKPOINT
    damage(path)
    before = path.read_bytes()
    capsys.readouterr()
    assert _train(*line, "--out", "run") == 2
    said_instead = capsys.readouterr().err
    assert said in said_instead
    assert said_instead.count("\n") == 1
    assert path.read_bytes() == before


@pytest.mark.usefixtures("posix")
def test_a_full_disk_is_one_clear_line_and_leaves_the_last_checkpoint(shapes: str) -> None:
    """A limit on the size of files imitates a full disk, because both make write() fail half-way."""
    line = ["train", "flow", "--data", shapes, "--size", "8", "--epochs", "40", "--out", "run", "--device", "cpu"]
    assert main([*line, "--minutes", "0.0001"]) == 0
    kept = Path("run/checkpoints")
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert before
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from noisewalk.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    full = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, timeout=300)
    assert full.returncode == 2
    assert "File too large; choose another place" in full.stderr
    assert full.stderr.count("\n") == 2  # what was read, and what went wrong
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before  # and nothing half-written beside it


def test_a_run_that_diverges_keeps_its_last_good_checkpoint(
    shapes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["flow", "--recipe", "course", "--data", shapes, "--size", "8", "--epochs", "20", "--out", "run"]
    assert _train(*line, "--minutes", "0.0001") == 0
    before = ("run" / RUN_CHECKPOINT).read_bytes()
    monkeypatch.setattr("noisewalk.training.loop.from_uint8", lambda raw: torch.full(raw.shape, torch.nan))
    capsys.readouterr()
    assert _train(*line) == 2
    assert "the loss became nan at step 1" in capsys.readouterr().err
    assert ("run" / RUN_CHECKPOINT).read_bytes() == before


@pytest.mark.usefixtures("one_thread")
def test_two_processes_train_as_one(
    shapes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same batch, divided between two processes, gives the same losses and weights up to rounding."""
    Path("train.py").write_text(
        "import sys\n"
        "from dataclasses import replace\n"
        "import noisewalk.run.training as lab\n"
        "configure = lab.configure\n"
        "lab.configure = lambda c, spec, *rest: replace(configure(c, spec, *rest), bf16=False, batch_size=16, warmup=5)\n"
        "from noisewalk.cli import main\n"
        "if __name__ == '__main__': sys.exit(main(sys.argv[1:]))\n"
    )
    line = ["train", "flow", "--classes", "--data", shapes, "--size", "8", "--epochs", "67", "--device", "cpu"]
    line += ["--samples-every", "67", "--out"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "train.py"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *line, "two"], capture_output=True, text=True, timeout=600, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("50 of 50 steps") == 1, "the first process speaks, and it alone"
    monkeypatch.setattr("noisewalk.run.training.configure", configure)  # which `train.py` replaces, and is put back at the end
    runpy.run_path("train.py")
    assert main([*line, "one"]) == 0
    assert capsys.readouterr().out.count("50 of 50 steps") == 1
    one, two = (load_tensors(tmp_path / name / RUN_CHECKPOINT) for name in ("one", "two"))
    losses = [read_metrics(tmp_path / name / "metrics.jsonl")[0]["loss"] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    moved = max(float((one[0][k] - two[0][k]).abs().max()) for k in one[0] if k.startswith("averaged."))
    assert moved < 1e-4
