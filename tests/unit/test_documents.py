"""Reports: what is made, what is kept, and what wrong or hostile documents do."""

from __future__ import annotations

import html
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import noisewalk as nw
from noisewalk.cli.main import main
from noisewalk.documents import making
from noisewalk.documents.build import BuildOptions, Report, build
from noisewalk.documents.reading import read_document
from noisewalk.documents.site import BROWSERS
from noisewalk.lock import held

BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"needs a browser: one of {', '.join(BROWSERS)}")


def report(tmp_path: Path, text: str, model: str = "digits") -> tuple[Report, str]:
    """Make the report of a text, and return it with its page."""
    (tmp_path / "report.md").write_text(text)
    made = build(read_document(tmp_path / "report.md"), BuildOptions(tmp_path / "out", model))
    return made, made.page.read_text()


def fence(*commands: str, options: str = "") -> str:
    return "\n".join([f"```noisewalk {options}".strip(), *commands, "```", ""])


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_contents_stand_below_the_only_title(tmp_path: Path) -> None:
    sections = "## First\n\nWords.\n\n## Second\n\nWords.\n"
    for text, title in ((f"# Mine\n\n{sections}", "Mine"), (sections, "report")):
        _, page = report(tmp_path, text)
        assert re.findall(r"<h1[^>]*>([^<]*)</h1>", page) == [title]
        assert page.index("</h1>") < page.index("<nav") < page.index("Words.")


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    text = "# Mine\n\nWords, a [link](https://example.org), $x_t$, a note[^1].\n\n[^1]: There.\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    made, page = report(tmp_path, text + fence("generate 7 --steps 2 --num 2", options="figure walk filmstrip film scores"))
    assert not made.failed
    tags = _Tags(page).found
    sources = [attrs[name] or "" for tag, attrs in tags for name in ("src", "srcset", "data-src") if name in attrs]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "object")]
    assert all(attrs.get("alt") for tag, attrs in tags if tag == "img" and "src" in attrs)
    for tag in ("math", "table", "section", "figure"):
        assert any(found == tag for found, _ in tags), tag
    assert page.count("copy command") == 1
    assert page.count("copy Python") == 1


def test_the_command_and_the_python_that_are_shown_make_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, page = report(Path("."), fence("edit digit-4.png --prompt 9 --steps 3 --start 1 --seed 2"))
    command, python = (html.unescape(each) for each in re.findall(r'data-copy="(.*?)"', page, re.DOTALL))
    shown = next(Path("out/figures").glob("*/seed2.png"))
    assert main([*shlex.split(command)[1:], "--out", "typed.png"]) == 0
    exec(python, {})
    for again in ("typed.png", "edit/seed2.png"):
        with Image.open(again) as one, Image.open(shown) as other:
            assert one.tobytes() == other.tobytes()
    assert nw.replay(shown).agrees


def test_what_was_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed sentence makes no figure again; a changed command or picture makes only its own figure again."""
    made: list[str] = []
    make = making._make
    monkeypatch.setattr(
        making, "_make", lambda job, *rest: made.append(f"{job.technique} {job.request.seed}") or make(job, *rest)
    )
    shutil.copyfile(Path(nw.__file__).parent / "pictures" / "digit-4.png", tmp_path / "x.png")
    text = fence("generate 7 --steps 1") + "\n\nBetween.\n\n" + fence("forward x.png --t 9", "generate 7 --steps 1 --seed 1")
    report(tmp_path, text)
    assert made == ["generate 0", "forward 0", "generate 1"]
    report(tmp_path, text.replace("Between", "Among"))
    assert len(made) == 3
    report(tmp_path, text.replace("--seed 1", "--seed 2"))
    assert made[3:] == ["generate 2"]
    shutil.copyfile(Path(nw.__file__).parent / "pictures" / "digit-5.png", tmp_path / "x.png")
    report(tmp_path, text)
    assert made[4:] == ["forward 0"]
    for damaged in (tmp_path / "out" / "figures").glob("*/figure.json"):
        damaged.write_bytes(b'{"caption": 7')
    report(tmp_path, text)
    assert made[5:] == ["generate 0", "forward 0", "generate 1"]


def test_a_report_that_was_killed_goes_on(tmp_path: Path) -> None:
    """After a kill, finished figures are not made again, and an incomplete figure is not used."""
    (tmp_path / "r.md").write_text(fence(*(f"generate 7 --steps 3 --seed {seed}" for seed in range(10))))
    code = "import sys; from noisewalk.cli.main import main; sys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", code, "report", str(tmp_path / "r.md"), "--out", str(tmp_path / "out"), "--model", "digits"]
    process = subprocess.Popen(
        line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    figures = tmp_path / "out" / "figures"
    while len(list(figures.glob("*/figure.json"))) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    before = {path: path.stat().st_mtime_ns for path in figures.glob("*/figure.json")}
    assert len(before) >= 2
    made = build(read_document(tmp_path / "r.md"), BuildOptions(tmp_path / "out", "digits"))
    assert not made.failed
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len(list(figures.glob("*/figure.json"))) == 10


def test_what_fails_says_why_in_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.md").write_text("# R\n\n" + fence("edit nowhere.png", "generate 'an <b>eleven</b>'", "generate 7 --steps 1"))
    assert main(["report", str(tmp_path / "r.md"), "--out", str(tmp_path / "out"), "--model", "digits"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "was written, but commands in it failed; their errors stand there" in said
    assert f"{tmp_path}/r.md:4, {tmp_path}/r.md:5" in said
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("This failed: ") == 2
    assert f"{tmp_path}/r.md:4: there is no picture nowhere.png" in page
    assert "<b>eleven" not in page
    assert page.count("data:image/png") >= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (fence("generte 7"), "r.md:2: unknown command 'generte'; did you mean 'generate'?"),
        (fence("generate 7 --step 3"), "r.md:2: Unrecognized options: --step"),
        ("\n\n" + fence("# a comment", "", "generate 7 \\", "  --seed x"), "r.md:6: Error parsing --seed"),
        (fence("generate '7"), "r.md:2: a quotation mark is not closed"),
        (fence("generate 7", options="figur"), "r.md:1: unknown word of a fence 'figur'; did you mean 'figure'?"),
        (fence("generate 7", options="colums=2"), "r.md:1: unknown option of a fence 'colums'; did you mean 'columns'?"),
        (fence("generate 7", options="columns=0"), "r.md:1: columns= must be a whole number from 1 to 12, but '0' was given"),
        (fence("generate 7", options="keep=2"), "r.md:1: keep= says how many pictures of a search are shown"),
        (fence("generate 7", options="name=../x"), "r.md:1: name= must be small letters"),
        (fence(), "r.md:1: the fence has no command"),
        (fence("# of", "forward x.png", options="filmstrip"), "r.md:1: 'filmstrip' fits generate, denoise, edit,"),
        (
            fence("generate 7", "forward x.png", options="table"),
            "r.md:1: 'table' fits denoise, train, but this fence has generate, f",
        ),
        (
            fence("edit x.png", options="slider"),
            "r.md:1: 'slider' fits forward, denoise, but this fence has edit; leave the word",
        ),
        (
            fence("generate 7", options="samples"),
            "r.md:1: 'samples' fits train, but this fence has generate; leave the word out",
        ),
        (fence("train flow", options="figure walk"), "inverse, but this fence has train; leave the word out"),
        (fence("train flow", options="seeds=0:3"), "r.md:1: 'seeds=' fits generate, denoise"),
        (fence("generate 7", options="bundled=flow"), "r.md:1: 'bundled=' fits train, but this fence has generate"),
        (fence("generate 7", options="evaluate=100"), "r.md:1: 'evaluate=' fits train, but"),
        (fence("train flow", options="bundled=flow evaluate=100"), "r.md:1: evaluate= measures a run that is trained now"),
        (fence("generate 7", options="figure tried"), "r.md:1: 'tried' shows the seeds that a search tried; give the seeds"),
        (
            fence("generate 7 3", options="columns=2"),
            "r.md:1: columns=2 fits several figures, but this fence shows one; give more",
        ),
        (fence("generate 7", "generate 3", options="seeds=0:3 columns=2"), "shows one; give keep=2, or leave it out"),
        (fence("generate 7 --out ../../x"), "r.md:2: the report chooses the places"),
        (fence("train flow --clases"), "r.md:2: Unrecognized options: --clases Perhaps you meant: --classes"),
        (fence("generate 7", options="name=a") * 2, "r.md:4: the figure 'a' has the name of the one in line 1"),
        ("---\nmodel digits\n---\n", "r.md:2: a setting must be written as name: value"),
        ("\xff", "r.md is not UTF-8 text"),
    ],
)
def test_a_mistake_is_said_before_the_work_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.md").write_bytes(text.encode("latin-1" if text == "\xff" else "utf-8"))
    with pytest.raises(nw.UserError) as error:
        read_document(tmp_path / "r.md")
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("generate 7", "figure picture walk filmstrip film scores"),
        ("generate 7", "seeds=0:3 tried columns=2"),
        ("forward x.png", "figure picture slider columns=1"),
        ("denoise x.png", "walk filmstrip film scores table slider"),
        ("train flow", "figure film loss samples table bundled=flow"),
    ],
)
def test_words_that_fit_are_read(command: str, options: str, tmp_path: Path) -> None:
    """Also in a fence where they fit only one of the commands."""
    more = "" if "bundled" in options else fence(command, "anagram 6 9", options=options)
    (tmp_path / "r.md").write_text(fence(command, options=options) + more)
    assert [len(block.commands) for block in read_document(tmp_path / "r.md").blocks.values()] == [1, 2][: 1 + bool(more)]


def test_a_setting_that_the_document_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.md").write_text("---\nimage: digit-4.png\n---\n")
    line = ["report", str(tmp_path / "r.md"), "--out", str(tmp_path / "out")]
    assert main([*line, "--set", "imag=x.png"]) == 2
    assert "unknown setting of r.md 'imag'; did you mean 'image'?" in capsys.readouterr().err
    assert main([*line, "--set", "image"]) == 2
    assert "--set takes name=value" in capsys.readouterr().err


def test_only_one_process_writes_a_report(tmp_path: Path) -> None:
    with held(tmp_path / "out", "noisewalk report"), pytest.raises(nw.UserError, match="is being written by"):
        report(tmp_path, "# R\n")


@pytest.mark.usefixtures("posix")
def test_a_folder_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.md").write_text("# R\n")
    out = "/proc/nowhere" if os.geteuid() == 0 else str(tmp_path / "shut")
    if os.geteuid():
        (tmp_path / "shut").mkdir(mode=0o500)
    assert main(["report", str(tmp_path / "r.md"), "--out", out]) == 2
    assert "cannot write to" in capsys.readouterr().err


HOSTILE = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"


@needs_browser
def test_no_script_of_a_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML in prose, headings, formulas, captions, prompts, errors and file names is shown as text."""
    monkeypatch.chdir(tmp_path)
    Image.new("L", (28, 28)).save(f"{HOSTILE.replace('/', '_')}.png")
    text = (
        f"---\ntitle: {HOSTILE}\nlead: {HOSTILE}\n---\n\n## {HOSTILE}\n\n"
        f"{HOSTILE} $\\text{{{HOSTILE}}}$ [x](javascript:alert(1))\n\n"
        f"![{HOSTILE}](digit-4.png)\n\n<details open ontoggle=\"document.title='ran'\">\n\n"
        + fence("generate 7 --steps 1", options=shlex.join([f"caption={HOSTILE}", f"note={HOSTILE}"]))
        + "\n"
        + fence(shlex.join(["generate", HOSTILE, "--steps", "1", "--model", "emoji"]))
        + "\n"
        + fence(
            shlex.join(["forward", f"{HOSTILE.replace('/', '_')}.png", "--t", "9"]), shlex.join(["generate", f"9{HOSTILE}"])
        )
    )
    made, page = report(tmp_path, text)
    assert len(made.failed) == 1
    tags = _Tags(page).found
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on")]
    assert BROWSER is not None
    line = [BROWSER, "--headless", "--disable-gpu", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    dom = subprocess.run([*line, made.page.resolve().as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search("<title>(.*?)</title>", dom, re.DOTALL)
    assert title is not None
    assert html.unescape(title[1]) == HOSTILE
    assert dom.count("copy command") == 4


@needs_browser
def test_the_pages_own_script_runs_without_an_error(tmp_path: Path) -> None:
    """Sliders, turned pictures and comparisons work."""
    commands = (
        "anagram 6 9 --steps 2",
        "hybrid 0 1 --steps 2",
        "forward digit-4.png --t 9",
        "edit digit-4.png --steps 2 --start 1",
    )
    made, _ = report(tmp_path, fence(*commands, options="figure slider walk"))
    assert BROWSER is not None
    line = [
        BROWSER,
        "--headless",
        "--disable-gpu",
        "--no-sandbox",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
    ]
    done = subprocess.run(
        [*line, "--virtual-time-budget=4000", "--dump-dom", made.page.resolve().as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    for said in ("identity: 6", "near: 1", "t = 60", "Press to see it rotate180: 9", 'aria-label="x_t, t = 60"'):
        assert said in html.unescape(done.stdout), said


def test_lists_in_a_fence_become_one_figure(tmp_path: Path) -> None:
    """Rows and columns are named, the seed is on every row, and each request is kept by itself."""
    lists = fence("generate 7 3 --steps 1 2 --seed 4", options="figure")
    made, page = report(tmp_path, lists)
    assert not made.failed
    assert page.count("<figure") == 1
    for label in ("7, seed 4", "3, seed 4"):
        assert f'<p class="label">{label}</p>' in page
    assert page.count('<span class="cap">1 steps</span>') == page.count('<span class="cap">2 steps</span>') == 2
    assert len(list((tmp_path / "out" / "figures").glob("*/figure.json"))) == 4


def test_every_word_of_a_fence_shows_something_of_lists(tmp_path: Path) -> None:
    """The walk of each request: a slider, its states, its film and its scores."""
    made, page = report(tmp_path, fence("generate 7 --steps 2 3", options="walk filmstrip film scores"))
    assert not made.failed
    assert re.findall(r'aria-label="([23]) steps: 7"', page) == ["2", "3"]  # sliders over the steps
    assert re.findall(r'class="label">([23]) steps: x_t', page) == ["2", "3"]
    assert re.findall(r'<img alt="([23]) steps: the walk to 7, as x0" src="data:image/webp', page) == ["2", "3"]
    assert page.count("<table>") == 2


def test_the_python_of_lists_makes_every_picture_of_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lists = ("generate 7 3 --steps 1 2 --seed 4", "edit digit-4.png digit-5.png --prompt 9 --start 1 --steps 2")
    _, page = report(Path("."), fence(*lists, options="figure"))
    products, single = [html.unescape(each) for each in re.findall(r'data-copy="(.*?)"', page, re.DOTALL)][1::2]
    assert "enumerate(product([1, 2], ['7', '3']))" in products
    for python in (products, single):
        exec(python, {})
    again = {path.read_bytes() for path in Path(".").glob("*-[0-9]/seed*.png")}
    shown = {path.read_bytes() for path in Path("out/figures").glob("*/seed*.png")}
    assert len(shown) == 6
    assert again == shown


def test_the_losses_of_several_runs_are_one_figure(tmp_path: Path) -> None:
    """Curves are named by what tells the runs from each other, and no run has a figure of its loss beside them."""
    commands = ("train denoiser --dtype bfloat16", "train ddpm --recipe course --dtype bfloat16")
    made, page = report(tmp_path, fence(*commands, options="loss bundled=denoiser,ddpm"))
    assert not made.failed
    (image,) = [attrs for tag, attrs in _Tags(page).found if tag == "img" and "src" in attrs]
    assert image["alt"] is not None
    assert re.fullmatch(
        r"loss by step, a one-step denoiser, .*: 0\.\d+ after \d+ steps; a network that predicts the noise.*", image["alt"]
    )
    assert "Training of a one-step denoiser: computed in bfloat16" in page
    with pytest.raises(nw.UserError, match="names 1, and this fence has 2 commands"):
        report(tmp_path, fence(*commands, options="loss bundled=denoiser"))


def test_the_samples_of_several_runs_are_rows_of_one_figure(tmp_path: Path) -> None:
    """A column for each epoch, a row for each run; no run has its samples a second time."""
    commands = ("train flow --classes --recipe course", "train ddpm --classes --recipe course --dtype bfloat16")
    made, page = report(tmp_path, fence(*commands, options="bundled=flow-classes,ddpm-classes"))
    assert not made.failed
    drawn = [attrs["alt"] or "" for tag, attrs in _Tags(page).found if tag == "img" and "src" in attrs]
    rows = [[alt for alt in drawn if alt.startswith(f"what it draws, {name}")] for name in ("flow", "a network")]
    assert [[alt.rpartition(": ")[2] for alt in row] for row in rows] == [
        [f"epoch {epoch} samples" for epoch in epochs] for epochs in ((1, 5, 10), (1, 5, 10, 15, 20))
    ]
    assert not [alt for alt in drawn if alt.startswith("what it draws: ")]
    assert len([alt for alt in drawn if alt.startswith("loss")]) == 1


def test_states_are_chosen_by_their_timesteps(tmp_path: Path) -> None:
    """The first is the noisy picture that the walk starts from, which `denoise` shows too."""
    command = "denoise digit-4.png --t 690 --method iterative --show-t 690 390 90"
    _, page = report(tmp_path, fence(command, options="figure filmstrip"))
    assert re.findall(r'<span class="cap">(t = \d+)</span>', page) == ["t = 690", "t = 390", "t = 90"] * 2
    folder = next((tmp_path / "out" / "figures").glob("*/figure.json")).parent
    with Image.open(folder / "picture-1.png") as noisy, Image.open(folder / "state-0-x_t-0.png") as first:
        assert noisy.tobytes() == first.tobytes()


def test_a_prompt_for_each_part_is_shown_whole_too(tmp_path: Path) -> None:
    _, page = report(tmp_path, fence("factorize 0 4 --split circle --steps 1"))
    assert '<span class="cap">the whole picture</span>' in page
