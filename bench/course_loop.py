"""The plain training loop of the course (CS180, part B: class-conditional flow matching), as a student writes it.

`time_to_quality.py` compares with it. It has D = 64, batches of 64, Adam with a learning rate that falls from 1e-2 to a tenth,
10 epochs, and labels that are dropped with probability 0.1. Pictures are in [0, 1], and t = 0 is noise. From noisewalk it uses
only the course's network and the digits.

    python bench/course_loop.py OUT [--epochs 10] [--bf16] [--threads 2]

writes OUT/epoch-NN.safetensors after every epoch, and OUT/log.jsonl with the seconds spent on it. `--bf16` computes the
convolutions in bfloat16, which is about twice as fast on a CPU that has it; a student's loop does not do that.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from noisewalk.models.nets.course import CourseUNet, CourseUNetConfig
from noisewalk.training.data import mnist

SEED = 180  # the course's
CONFIG = CourseUNetConfig(hidden=64, time=True, num_classes=10, edition="scale")


def loader(batch_size: int = 64) -> DataLoader[tuple[Tensor, ...]]:
    digits = mnist("train")
    return DataLoader(TensorDataset(digits.pictures.float() / 255, digits.labels), batch_size, shuffle=True)


def loss_of(unet: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
    t = torch.rand(len(x1))
    x0 = torch.randn_like(x1)
    x_t = (1 - t[:, None, None, None]) * x0 + t[:, None, None, None] * x1
    label = torch.where(torch.rand(len(x1)) < 0.1, 10, label)  # 10 is the one-hot of zeros
    return nn.functional.mse_loss(unet(x_t, t, label).float(), x1 - x0)


def training(epochs: int = 10, bf16: bool = False, limit: int = 0) -> Iterator[tuple[int, nn.Module, float, float]]:
    """Yield (epoch, network, mean loss, seconds) after each epoch, or once after `limit` batches."""
    torch.manual_seed(SEED)
    data = loader()
    unet = CourseUNet(CONFIG)
    optimizer = torch.optim.Adam(unet.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1 / epochs))
    for epoch in range(1, epochs + 1):
        began, losses = time.perf_counter(), []
        for i, (x1, label) in enumerate(data):
            if limit and i == limit:
                break
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = loss_of(unet, x1, label)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        yield epoch, unet, sum(losses) / len(losses), time.perf_counter() - began
        if limit:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    for epoch, unet, loss, seconds in training(args.epochs, args.bf16):
        save_file(unet.state_dict(), args.out / f"epoch-{epoch:02d}.safetensors")
        with (args.out / "log.jsonl").open("a") as file:
            file.write(json.dumps({"epoch": epoch, "loss": loss, "seconds": seconds}) + "\n")
        print(f"epoch {epoch}: loss {loss:.4f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
