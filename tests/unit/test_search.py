"""Search: the plan, the ledger, and that no finished task is done again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import noisewalk as nw
from noisewalk import UserError
from noisewalk.cli.main import main
from noisewalk.images import PICTURES
from noisewalk.judge.illusions import IllusionScores, score_illusions
from noisewalk.judge.reliability import verdict
from noisewalk.judge.scorer import DigitScorer, Scorer, get_scorer
from noisewalk.lock import held
from noisewalk.run.record import read_record
from noisewalk.search import Plan, Search, parse_grid, parse_seeds, suggest
from noisewalk.search.engines import engine, local
from noisewalk.search.plan import Task, make_plan, same_search
from noisewalk.search.task import FinishedTask
from noisewalk.techniques.anagram import Anagram
from noisewalk.techniques.edit import Edit
from noisewalk.techniques.generate import Generate
from noisewalk.training.data import LabelledPictures, from_uint8

SPEC = Anagram(("6", "9"), steps=2)


@pytest.fixture(scope="module")
def model() -> nw.Pretrained:
    return nw.load("digits")


def plan_of(model: nw.Pretrained, seeds: str = "0:10", **rest: Any) -> Plan:
    return make_plan("anagram", SPEC, model, parse_seeds(seeds), **{"batch": 4, "top": 3, **rest})


def found(search: Search) -> list[tuple[int, int, float]]:
    return [(c.point, c.seed, c.scores["alignment"]) for c in search.candidates()]


# Scores


def test_scores_are_their_equations() -> None:
    matrix = torch.tensor([[[2.0, -1.0], [0.5, 1.5]], [[0.0, 3.0], [1.0, 1.0]]])
    scores = IllusionScores(matrix)
    assert scores.alignment.tolist() == [1.5, 0.0]
    assert scores.margins.tolist() == [[3.0, 1.0], [-3.0, 0.0]]
    assert scores.margin.tolist() == [1.0, -3.0]
    first = torch.tensor([3.0, 1.0]).sigmoid().mean()  # softmax of two is the logistic function of their difference
    second = torch.tensor([-3.0, 0.0]).sigmoid().mean()
    torch.testing.assert_close(scores.concealment, torch.stack([first, second]))


def test_one_prompt_is_never_concealed_and_a_doubled_one_half() -> None:
    assert IllusionScores(torch.tensor([[[0.3]]])).concealment.item() == 1
    assert IllusionScores(torch.full((1, 2, 2), 0.3)).concealment.item() == pytest.approx(0.5)


def test_every_way_of_looking_is_scored_for_every_prompt() -> None:
    """A 6 upside down is a 9 for the reader too."""
    six = nw.generate(nw.load("digits"), "6", num=2).tensor
    scores = score_illusions(DigitScorer(), six, [lambda x: x, lambda x: x.rot90(2, (2, 3))], ["6", "9"])
    assert scores.matrix.shape == (2, 2, 2)
    assert (scores.concealment > 0.9).all()


# The plan


def test_seeds_as_they_are_written() -> None:
    assert parse_seeds("0:6:2,9,0") == (0, 2, 4, 9)
    for wrong in ("", "a", "3:1:x", "-1", "1:2:3:4", "0:5:0"):
        with pytest.raises(UserError, match="--seeds must be written as"):
            parse_seeds(wrong)
    with pytest.raises(UserError, match="5:5 is empty"):
        parse_seeds("5:5")
    with pytest.raises(UserError, match="at most 1,000,000"):
        parse_seeds("0:1000000000000")
    with pytest.raises(UserError, match="at most 1,000,000"):
        parse_seeds("0:600000,0:600000")
    for large in (f"0:{10**30}", str(2**64), f"{2**62}:{2**62 + 2}"):
        with pytest.raises(UserError, match="--seeds must be at most 4611686018427387904"):
            parse_seeds(large)


def test_grids_as_they_are_written() -> None:
    grid = parse_grid("anagram", ["guidance-scale=1,2.5", "weights=1:1,1:2", "balance=none,auto"])
    assert grid == (
        ("guidance_scale", (1.0, 2.5)),
        ("weights", ((1.0, 1.0), (1.0, 2.0))),
        ("balance", ("none", "auto")),
    )
    for wrong, complaint in {
        "sigma=1": "unknown field of anagram 'sigma'",
        "steps": "written as field=value",
        "steps=x": "'x' is not a whole number",
        "seed=1": "unknown field",
    }.items():
        with pytest.raises(UserError, match=complaint):
            parse_grid("anagram", [wrong])
    assert parse_grid("anagram", ["karras", "steps=2,3"]) == (("grid", ("karras",)), ("steps", (2, 3)))
    with pytest.raises(UserError, match="unknown field of forward 'grid'"):
        parse_grid("forward", ["karras"])
    with pytest.raises(UserError, match="once"):
        parse_grid("anagram", ["steps=1", "steps=2"])


def test_the_time_grid_of_the_walks_stands_beside_the_grid_of_the_search(tmp_path: Path) -> None:
    """A search takes the --grid of its technique too, though it has a --grid of its own."""
    words = ["generate", "7", "--seeds", "0:2", "--top", "1", "--steps", "3", "--grid", "karras", "guidance_scale=1,2"]
    assert main(["search", *words, "--out", str(tmp_path / "s")]) == 0
    (winner,) = (tmp_path / "s" / "top").glob("*.png")
    again = nw.replay(winner)
    assert again.agrees
    request = again.result.request
    by_hand = nw.generate("digits", "7", seed=request.seed, steps=3, grid="karras", guidance_scale=request.guidance_scale)
    assert torch.equal(again.result.tensor, by_hand.tensor)


def test_values_with_commas_are_a_json_list() -> None:
    assert parse_grid("generate", ['prompt=["a fox, asleep", "a cat"]', "steps=[2, 3]"]) == (
        ("prompt", ("a fox, asleep", "a cat")),
        ("steps", (2, 3)),
    )
    assert parse_grid("anagram", ['prompts=[["6: six, red", "9"], ["8", "3"]]']) == (
        ("prompts", (("6: six, red", "9"), ("8", "3"))),
    )
    assert parse_grid("generate", ["prompt=a fox,a cat", "steps=1, 2"]) == (("prompt", ("a fox", "a cat")), ("steps", (1, 2)))
    for wrong, complaint in {
        "prompt=a fox, asleep,a cat": r"is read as 3 values.*as --grid 'prompt=\[\"a fox, asleep,a cat\"\]'",
        'prompt=["a fox': "is not a JSON list",
        "prompt=[7]": "'7' is not a text",
        "prompt=[null]": "is not a text",
        "steps=[1.5]": "'1.5' is not a whole number",
        "steps=[[1]]": "is not a whole number",
        "steps=[true]": "is not a whole number",
        "steps=[]": "has an empty list",
        "steps=" + "[" * 100_000: "is not a JSON list",
    }.items():
        with pytest.raises(UserError, match=complaint):
            parse_grid("generate", [wrong])


def test_a_searched_prompt_with_a_comma_is_one_cell(tmp_path: Path) -> None:
    emoji = nw.load("emoji")
    grid = (*parse_grid("generate", ['prompt=["a cat", "a fox, a dog"]']), ("negative_prompt", ("",)))
    plan = make_plan("generate", Generate("a cat", steps=2), emoji, (0,), grid=grid, top=2)
    search = Search(plan, tmp_path, emoji, get_scorer("auto", emoji))
    assert {search.caption(c).partition(" alignment")[0] for c in search.run()} == {
        "seed 0 prompt 'a cat' negative_prompt",
        "seed 0 prompt 'a fox, a dog' negative_prompt",
    }
    names = {path.name[3:] for path in (tmp_path / "top").iterdir()}
    assert names == {"prompt-a-cat-negative-prompt-seed0.png", "prompt-a-fox-a-dog-negative-prompt-seed0.png"}


def test_every_seed_at_every_point_once_and_batches_aligned(model: nw.Pretrained) -> None:
    plan = plan_of(model, "2:10", grid=(("balance", ("none", "auto")),))
    tasks = list(plan.tasks("full"))
    assert [t.seeds for t in tasks] == [(2, 3), (4, 5, 6, 7), (8, 9)] * 2
    more = plan_of(model, "0:16", grid=(("balance", ("none", "auto")),))
    assert {t for t in tasks if len(t.seeds) == 4} <= set(more.tasks("full"))
    assert [t.seeds for t in plan.tasks("full", [(1, 9), (1, 2), (0, 5), (1, 4), (1, 7), (1, 8)])] == [(5,), (2, 4, 7, 8), (9,)]


def test_a_plan_is_what_its_json_says(model: nw.Pretrained) -> None:
    plan = plan_of(model, grid=(("weights", ((1.0, 1.0), (1.0, 2.0))),), early=0.5)
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())), plan.seeds, plan.top)
    assert again == plan
    photo = make_plan("edit", Edit(PICTURES / "digit-4.png", prompt="9", start=(5,)), model, (0,))
    assert Plan.from_json(json.loads(json.dumps(photo.to_json()))).to_json() == photo.to_json()


@pytest.mark.parametrize(
    ("technique", "spec", "rest", "complaint"),
    [
        ("anagram", SPEC, {"rank": "beauty"}, "unknown rank 'beauty'"),
        ("anagram", SPEC, {"early": 0.0}, "--early must be above 0"),
        ("anagram", SPEC, {"early": float("nan")}, "--early must be a number from 0 to 1, but nan was asked for"),
        ("anagram", SPEC, {"top": 0}, "--top must be at least 1, but 0 was asked for"),
        ("anagram", SPEC, {"batch": 10**9}, "--batch must be at most 4096"),
        ("anagram", SPEC, {"grid": tuple((name, tuple(range(100))) for name in "abcdefgh")}, "at most 10,000"),
        ("anagram", SPEC, {"grid": (("steps", (4, 0)),)}, "at steps 0: --steps must be at least 1"),
        ("anagram", SPEC, {"grid": (("weights", ((1.0,),)),)}, "2 prompts need as many --weights; 1 were given"),
        ("anagram", Anagram(("6", "9", "3")), {}, "3 prompts need as many --views; 2 were given"),
        ("edit", Edit(PICTURES / "digit-4.png", prompt="9"), {}, "this edit makes 6"),
    ],
)
def test_searches_that_cannot_be_are_refused(
    model: nw.Pretrained, technique: str, spec: Any, rest: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        make_plan(technique, spec, model, (0, 1), **rest)


# The ledger


def test_the_winners_are_the_best_of_all_and_replay_exactly(model: nw.Pretrained, tmp_path: Path) -> None:
    search = Search(plan_of(model, grid=(("balance", ("none", "auto")),)), tmp_path, model, DigitScorer())
    winners = search.run()
    every = []
    for balance in ("none", "auto"):
        x = nw.anagram(model, ("6", "9"), steps=2, num=10, balance=balance).tensor
        every += score_illusions(DigitScorer(), x, [lambda x: x, lambda x: x.rot90(2, (2, 3))], ["6", "9"]).alignment.tolist()
    got = [c.scores["alignment"] for c in winners]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(sorted(every, reverse=True)[:3]), rtol=0, atol=1e-3)
    pictures = sorted((tmp_path / "top").glob("*.png"))
    assert len(pictures) == 3
    for picture in pictures:
        assert nw.replay(picture).agrees
    page = (tmp_path / "search.html").read_text()
    assert page.count("<tr>") == 21
    assert page.count("data:image/png") == page.count("rotate180: 9") == 6  # both ways of looking at each winner
    assert page.count("identity: 6") == 2 * 3
    assert "The scorer sees every prompt" in page or "Nothing good was found" in page
    with Image.open(tmp_path / "contact.png") as contact:
        assert contact.width > 6 * 168
    assert not (tmp_path / "leaders").exists()


def test_only_what_is_not_done_is_done(model: nw.Pretrained, tmp_path: Path) -> None:
    """After a stop with an incomplete line, a second call does the rest with the same result; later calls can add seeds."""
    whole = Search(plan_of(model), tmp_path / "whole", model, DigitScorer())
    whole.run()
    asked: list[Task] = []

    def stopping(plan: Plan, tasks: Iterable[Task], model: nw.Pretrained, scorer: Scorer) -> Iterator[FinishedTask]:
        for done in local(plan, tasks, model, scorer):
            asked.append(done.task)
            yield done
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Search(plan_of(model), tmp_path / "cut", model, DigitScorer()).run(stopping)
        with (tmp_path / "cut" / "search.jsonl").open("ab") as file:
            file.write(b'{"task": ["full", 0, [8, ')
    assert [t.seeds for t in asked] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    cut = Search(plan_of(model), tmp_path / "cut", model, DigitScorer())
    cut.run()
    assert found(cut) == found(whole)
    assert [p.read_bytes() for p in sorted((tmp_path / "cut/top").iterdir())] == [
        p.read_bytes() for p in sorted((tmp_path / "whole/top").iterdir())
    ]
    longer = Search(plan_of(model, "0:12"), tmp_path / "cut", model, DigitScorer())
    assert [t.seeds for t in longer.plan.tasks("full") if t not in longer.ledger.done] == [(8, 9, 10, 11)]


def test_a_folder_of_another_search_says_what_differs(model: nw.Pretrained, tmp_path: Path) -> None:
    Search(plan_of(model), tmp_path, model, DigitScorer())
    other = make_plan("anagram", replace(SPEC, guidance_scale=4.0), model, (0,), batch=4, rank="margin")
    with pytest.raises(UserError, match=r'rank was "alignment", now "margin"; request guidance_scale was 2.6, now 4.0'):
        Search(other, tmp_path, model, DigitScorer())
    assert same_search(plan_of(model).to_json(), plan_of(model, "5:9", top=9).to_json()) == ""


def test_how_the_model_is_loaded_is_heeded(model: nw.Pretrained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["search", "anagram", "6", "9", "--steps", "2", "--seeds", "0:2", "--top", "1", "--out", str(tmp_path / "s")]
    for more in ([], ["--offline", "--memory", "full"]):  # the second goes on in the same folder
        assert main([*line, "--dtype", "float32", *more]) == 0
    (best,) = (tmp_path / "s" / "top").glob("*.png")
    assert read_record(best).model.dtype == "float32"
    capsys.readouterr()
    assert main([*line, "--dtype", "bfloat16"]) == 2
    assert "model was " in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main([*line[:-1], str(tmp_path / "g"), "--device", "cuda"]) == 2
        assert "PyTorch sees no CUDA GPU" in capsys.readouterr().err
    plan = plan_of(model, loading={"upscaler": ("a", "b"), "device": "cpu", "offline": True})
    label = json.loads(json.dumps(plan.to_json()))
    assert label["loading"] == {"upscaler": ["a", "b"], "device": "cpu"}
    there = Plan.from_json(label, here=plan.here)
    assert there.loading == {"upscaler": ["a", "b"], "device": "cpu", "offline": True}


GOOD = {"alignment": -1.0, "concealment": 0.5, "margin": 0.0, "margins": [0.0, 1.0], "own": [-1.0, -0.5]}
DAMAGED = {
    "no JSON": b"what?",
    "binary": bytes(range(128, 256)).replace(b"\n", b""),
    "null": b"null",
    "another kind": b'{"search": {}}',
    "deep": b"[" * 100_000,
    "deeper inside": b'{"task": ' + b"[" * 100_000,
    "NaN": json.dumps({"task": ["full", 0, [0]], "scores": [{**GOOD, "alignment": float("nan")}], "seconds": 1}).encode(),
    "infinity": b'{"task": ["full", 0, [0]], "scores": [], "seconds": 1e999}',
    "too few scores": json.dumps({"task": ["full", 0, [0, 1]], "scores": [GOOD], "seconds": 1}).encode(),
    "text": json.dumps({"task": ["full", 0, [0]], "scores": [{**GOOD, "alignment": "best"}], "seconds": 1}).encode(),
    "one way of looking": json.dumps({"task": ["full", 0, [0]], "scores": [{**GOOD, "own": [1.0]}], "seconds": 1}).encode(),
    "no margin": json.dumps({"task": ["full", 0, [0]], "scores": [{**GOOD, "margin": None}], "seconds": 1}).encode(),
    "a point outside": json.dumps({"task": ["full", 7, [0]], "scores": [GOOD], "seconds": 1}).encode(),
    "a foreign stage": json.dumps({"task": ["third", 0, [0]], "scores": [GOOD], "seconds": 1}).encode(),
    "a stage not of this plan": json.dumps({"task": ["half", 0, [0]], "scores": [GOOD], "seconds": 1}).encode(),
    "a seed twice": json.dumps({"task": ["full", 0, [0, 0]], "scores": [GOOD, GOOD], "seconds": 1}).encode(),
    "a large seed": json.dumps({"task": ["full", 0, [2**64]], "scores": [GOOD], "seconds": 1}).encode(),
    "no seeds": json.dumps({"task": ["full", 0, []], "scores": [], "seconds": 1}).encode(),
}


def test_damaged_lines_of_a_ledger_are_skipped_and_counted(
    model: nw.Pretrained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan, good = plan_of(model), {"task": ["full", 0, [0, 1]], "scores": [GOOD, GOOD], "seconds": 1}
    Search(plan, tmp_path, model, DigitScorer())
    with (tmp_path / "search.jsonl").open("ab") as file:
        file.write(b"\n".join([*DAMAGED.values(), json.dumps(good).encode(), b""]))
    search = Search(plan, tmp_path, model, DigitScorer())
    assert [task.seeds for task in search.ledger.done] == [(0, 1)]
    assert f"{len(DAMAGED)} lines are not tasks of this search" in caplog.text
    assert caplog.text.count("\n") == 1
    assert len(search.run()) == 3


@pytest.mark.parametrize("first", [b"what?\n", b"[]\n", b'{"search": 5}\n', b'{"search": {}}\n', b"\xff" * 1000, b"[" * 99999])
def test_a_file_that_is_no_ledger_is_left_alone(model: nw.Pretrained, tmp_path: Path, first: bytes) -> None:
    (tmp_path / "search.jsonl").write_bytes(first)
    with pytest.raises(UserError, match="does not begin with the label of a search"):
        Search(plan_of(model), tmp_path, model, DigitScorer())
    assert (tmp_path / "search.jsonl").read_bytes() == first


def test_a_pipe_as_ledger_does_not_hang(model: nw.Pretrained, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "search.jsonl")
    with pytest.raises(UserError, match="is not a regular file"):
        Search(plan_of(model), tmp_path, model, DigitScorer())


def test_two_searches_in_one_folder(model: nw.Pretrained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(tmp_path, "noisewalk search"):
        assert main(["search", "anagram", "6", "9", "--steps", "2", "--seeds", "0:2", "--out", str(tmp_path)]) == 2
    assert "is being written by noisewalk search (process" in capsys.readouterr().err
    assert not (tmp_path / "search.jsonl").exists()


def test_a_search_that_finds_nothing_good_says_so() -> None:
    scorer = DigitScorer()
    assert "sees every prompt" in verdict(scorer, -0.05)
    assert "Nothing good was found" in verdict(scorer, -0.2)
    assert "99.9 %" in verdict(scorer, -0.2)
    assert "has not been measured" in verdict(object(), 3.0)


def test_the_scorer_is_as_reliable_on_real_digits_as_it_says(mnist_test: LabelledPictures) -> None:
    scores = DigitScorer().score(from_uint8(mnist_test.pictures[:2000]), [str(digit) for digit in range(10)])
    true = mnist_test.labels[:2000, None] == torch.arange(10)
    assert true[scores >= DigitScorer.reliable.least].float().mean() >= DigitScorer.reliable.right


def test_early_stopping_walks_the_best_half_to_the_end(model: nw.Pretrained, tmp_path: Path) -> None:
    """The pictures and scores of the survivors are the same as in the whole search."""
    whole = Search(plan_of(model), tmp_path / "whole", model, DigitScorer())
    whole.run()
    early = Search(plan_of(model, early=0.4), tmp_path / "early", model, DigitScorer())
    early.run()
    survivors = {seed for _, seed, _ in found(early)}
    assert len(survivors) == 4
    halfway = [c.seed for c in early.candidates("half")]
    assert set(halfway[:4]) == survivors
    scores = {seed: score for _, seed, score in found(whole)}
    for _, seed, score in found(early):
        assert score == pytest.approx(scores[seed], abs=1e-3)


# The command line


def test_a_killed_search_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a kill and the same command, no task is done twice, and the winners are the same as without the kill."""
    line = ["search", "anagram", "6", "9", "--steps", "3", "--seeds", "0:24", "--batch", "2", "--top", "1", "--out"]
    killed, ledger = tmp_path / "killed", tmp_path / "killed" / "search.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", "noisewalk.cli", *line, str(killed)], env=environment)
    while process.poll() is None and (not ledger.exists() or ledger.read_bytes().count(b"\n") < 3):
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = ledger.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    assert main([*line, str(killed)]) == 0
    after = ledger.read_bytes()
    assert after.startswith(whole)
    tasks = [tuple(json.loads(row)["task"][2]) for row in after.splitlines()[1:]]
    assert sorted(tasks) == [(i, i + 1) for i in range(0, 24, 2)]
    assert main([*line, str(tmp_path / "calm")]) == 0
    names = [[p.name for p in sorted((tmp_path / run / "top").iterdir())] for run in ("killed", "calm")]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("anagram 6 9 --seeds 3:3", "is empty"),
        ("anagram 6 --seeds 0:3", "1 prompts need as many --views"),
        ("anagram 6 9 --grid sigma=1", "unknown field of anagram"),
        ("anagram 6 9 --scorer beauty", "unknown scorer 'beauty'"),
        ("anagram 6 9 --engine cloud", "unknown engine 'cloud'"),
        ("anagram 6 9 --out best.png", "a search is a folder"),
        ("anagram 6 9 --top 0", "--top must be at least 1"),
        ("anagram 6 9 --batch 1000000000", "--batch must be at most 4096"),
        ("anagram 6 9 --early nan", "--early must be a number from 0 to 1"),
        ("anagram 6 9 --engine ray --workers -1", "--workers must be at"),
        ("anagram 6 9 --workers 1000000000", "--workers must be at"),
        ("anagram 6 9 --seeds 0:1000000000000", "at most 1,000,000"),
        ("anagram 6 9 --seeds 99999999999999999999", "--seeds must be at most"),
        ("anagrams 6 9", "did you mean 'anagram'"),
        ("anagram 6 9 --views identity file:nothing.npy", "there is no permutation file nothing.npy"),
        ("anagram 6 9 --views identity rotate180 --weights 1 2 3", "need as many --weights"),
        ("forward nothing.png", "nothing.png"),
    ],
)
def test_bad_searches_are_one_line_and_status_2(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", *line.split()]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


# Suggestions


def test_a_six_is_suggested_a_nine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", "6", "--num", "2", "--top", "3", "--among", "9", "4", "1", "7", "9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[1] == "9"
    fits = [float(line.split()[0]) for line in lines]
    assert fits == sorted(fits, reverse=True)


def test_suggestions_compute_as_they_are_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["suggest", "6", "--num", "1", "--among", "9"]
    assert main([*line, "--dtype", "float16"]) == 2
    assert "computes in float32 or bfloat16, not in float16" in capsys.readouterr().err
    assert main([*line, "--device", "nowhere"]) == 2


def test_what_suggests_needs_a_vocabulary(model: nw.Pretrained) -> None:
    with pytest.raises(UserError, match="does not list prompts to choose from; name some with --among"):
        suggest(replace(model, name="mine", encode=lambda prompt: ()), DigitScorer(), "6")
    with pytest.raises(UserError, match="does not know the prompt 'an old man'"):
        suggest(model, DigitScorer(), "an old man")


# Ray


@pytest.mark.slow  # Ray starts nine processes, which compute for about 17 s, and for longer where others compute too
def test_ray_finds_what_the_local_engine_finds_though_a_worker_is_killed(model: nw.Pretrained, tmp_path: Path) -> None:
    """Two workers, of which one dies, give the same tasks, scores and winners as this process."""
    import psutil

    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        for process in psutil.Process().children(recursive=True) if 2 <= done < total and not killed else ():
            with suppress(psutil.Error):
                if "run_remote" in " ".join(process.cmdline()):  # Ray's name of a worker that is at work
                    process.kill()
                    killed.append(process.pid)
                    return

    results: dict[str, tuple[dict[str, Any], list[bytes]]] = {}
    for name in ("local", "ray"):
        search = Search(plan_of(model, "0:40"), tmp_path / name, model, DigitScorer())
        if name == "ray":
            search.run(engine("ray", workers=2), kill_one)
        else:
            search.run(engine("local"))
        rows = [json.loads(row) for row in (tmp_path / name / "search.jsonl").read_text().splitlines()[1:]]
        winners = [picture.read_bytes() for picture in sorted((tmp_path / name / "top").iterdir())]
        results[name] = {json.dumps(row["task"]): row["scores"] for row in rows}, winners
    assert len(killed) == 1
    assert len(results["local"][0]) == 10
    assert results["ray"] == results["local"]


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1", "127.0.0.1:99999"])
def test_a_ray_address_that_does_not_answer(address: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is said before anything is written."""
    line = ["search", "anagram", "6", "9", "--seeds", "0:2", "--engine", "ray", "--address", address, "--out"]
    assert main([*line, str(tmp_path / "new" / "s")]) == 2
    assert f"no Ray cluster answers at {address} (" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
