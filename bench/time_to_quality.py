"""The time until class-conditional digits are as good as the course's: its plain training loop, and `--recipe fast`.

    python bench/time_to_quality.py [--epochs 3.5] [--batch-size 64] [--samples 2000]
    python bench/time_to_quality.py --record RUN     (RUN: a folder written by bench/course_loop.py)

It measures in one process the pictures per second of both loops, in alternating pairs of slices (medians), and the whole fast
recipe: its training seconds, and the Fréchet distance and the reader's agreement of its samples. The file
bench/records/course_loop.json (which `--record` writes) has the Fréchet distance of the plain loop after its last epoch, at the
best of several guidance scales. The seconds of the plain loop are its recorded number of pictures divided by its present rate.

Both are sampled in 20 network calls, with each digit as often as in MNIST. The plain loop uses the course's sampler: Euler's
rule (ddim) with one guidance scale. Ours uses the sampler of the recipe: dpmpp-2m with guidance in a limited interval. The
part of the gain that comes from the sampler is recorded too: each network is also sampled with the other sampler. It needs
MNIST.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from course_loop import CONFIG, training
from safetensors.torch import load_file
from torch import Tensor, nn

from noisewalk.judge.digits import digit_features, digit_probabilities
from noisewalk.judge.frechet import Moments, frechet, moments
from noisewalk.models.nets.course import CourseUNet
from noisewalk.models.precision import fastest_dtype
from noisewalk.models.zoo import Pretrained, load, pretrained
from noisewalk.run.evaluation import as_often, draw_digits
from noisewalk.training.data import from_uint8, mnist
from noisewalk.training.loop import start, train
from noisewalk.training.recipe import find
from noisewalk.training.runs import run

Walk = dict[str, Any]
RECORD = Path(__file__).parent / "records" / "course_loop.json"
SCALES = (1.0, 1.25, 1.5, 2.0)
OUR_SCALES = (1.8, 1.4)
EULER: Walk = {"step_rule": "ddim", "guidance_interval": ()}
OURS: Walk = {"step_rule": "dpmpp-2m", "guidance_interval": (200, 800)}
EPOCH = 60_000


class Reversed(nn.Module):
    """A network with the course's direction of time (1 is the picture) for our direction (1 is noise)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        out: Tensor = -self.network(x, 1 - t, label)
        return out


def course_model(weights: Path) -> Pretrained:
    network = CourseUNet(CONFIG)
    network.load_state_dict(load_file(weights))
    shape = {"in_channels": 1, "image_size": 28}
    card = {"network": "unet-course", "config": shape, "schedule": "linear", "prediction_type": "flow_prediction"}
    cpu = torch.device("cpu")
    return pretrained(str(weights), Reversed(network), card | {"unit_range": True}, device=cpu, dtype=fastest_dtype(cpu))


def quality(model: Pretrained, scale: float, sampler: Walk, samples: int, target: Moments) -> tuple[float, float]:
    """Return the Fréchet distance to the test digits, and the share that is read correctly."""
    asked = as_often(mnist("train").labels, samples)
    drawn, _ = draw_digits(model, asked, {"guidance_scale": scale, "steps": 20, **sampler})
    return frechet(moments(digit_features(drawn)), target), float(
        (digit_probabilities(drawn).argmax(1) == asked).float().mean()
    )


def record(folder: Path, samples: int, target: Moments) -> None:
    """Measure the last epoch of a finished plain loop at every guidance scale, and with our sampler."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    last, rows = log[-1]["epoch"], []

    model = course_model(folder / f"epoch-{last:02d}.safetensors")
    for scale, sampler in (*((scale, EULER) for scale in SCALES), *((scale, OURS) for scale in OUR_SCALES)):
        distance, agreement = quality(model, scale, sampler, samples, target)
        rows.append({"epoch": last, "guidance_scale": scale, **sampler, "distance": distance, "agreement": agreement})
        print(rows[-1], flush=True)
    RECORD.parent.mkdir(exist_ok=True)
    kept = {
        "samples": samples,
        "epochs": last,
        "note": (folder / "note.txt").read_text() if (folder / "note.txt").exists() else "",
    }
    RECORD.write_text(json.dumps(kept | {"log": log, "quality": rows}, indent=1) + "\n")


def rates(batch_size: int, pairs: int = 5, pictures: int = 2560) -> tuple[list[float], list[float]]:
    """Return the pictures per second of the plain loop and of the fast recipe, from alternating slices."""
    recipe, data = find("flow", classes=True), mnist("train")
    config = replace(recipe.config, batch_size=batch_size)
    fast = train(start(recipe.network(), data, config), data, recipe.loss, config)
    next(fast)
    plain_rates, fast_rates = [], []
    for _ in range(pairs):
        for _, _, _, seconds in training(limit=pictures // 64):
            plain_rates.append(pictures / seconds)
        began = time.perf_counter()
        for _ in range(pictures // batch_size):
            next(fast)
        fast_rates.append(pictures / (time.perf_counter() - began))
    return plain_rates, fast_rates


def fast_run(epochs: float, batch_size: int, folder: Path) -> Iterator[float]:
    recipe = find("flow", classes=True)
    with closing(run(recipe, replace(recipe.config, epochs=epochs, batch_size=batch_size), folder)) as steps:
        for state in steps:
            yield state.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=3.5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--record", type=Path)
    args = parser.parse_args()
    target = moments(digit_features(from_uint8(mnist("test").pictures)))
    if args.record:
        record(args.record, args.samples, target)
        return
    recorded = json.loads(RECORD.read_text())
    bar = min((row for row in recorded["quality"] if row["step_rule"] == "ddim"), key=lambda row: row["distance"])
    plain, fast = rates(args.batch_size)
    ratio = statistics.median(f / p for f, p in zip(fast, plain, strict=True))
    plain_seconds = recorded["epochs"] * EPOCH / statistics.median(plain)
    print(f"rates now: plain {statistics.median(plain):.0f} pictures/s, fast {statistics.median(fast):.0f} ({ratio:.2f} times)")
    print(
        f"plain loop, recorded quality: Fréchet {bar['distance']:.4f}, read as asked {bar['agreement']:.4f} at guidance "
        f"{bar['guidance_scale']:g} after {recorded['epochs']} epochs; at its rate now {plain_seconds:.0f} s"
    )
    with tempfile.TemporaryDirectory() as folder:
        *_, seconds = fast_run(args.epochs, args.batch_size, Path(folder))
        model = load(folder)
        for scale, sampler in (*((scale, OURS) for scale in OUR_SCALES), (bar["guidance_scale"], EULER)):
            distance, agreement = quality(model, scale, sampler, args.samples, target)
            reached = distance <= bar["distance"] and agreement >= 0.99
            print(
                f"fast, {args.epochs:g} epochs in {seconds:.0f} s, {plain_seconds / seconds:.1f} times less; "
                f"{sampler['step_rule']}, guidance {scale:g}: Fréchet {distance:.4f}, read as asked {agreement:.4f}: "
                f"{'reached' if reached else 'not reached'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
