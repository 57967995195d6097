"""Commands about models: a list, the encoding of prompts, and checks."""

from __future__ import annotations

import sys
from dataclasses import asdict

from ..commands import part, read
from ..errors import UserError
from ..requests import Doctor, Encode, Loading, Models


def run_models(rest: list[str]) -> int:
    """Run `noisewalk models`."""
    read(Models, rest, "models")
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..models.diffusers.named import NAMED
    from ..models.zoo import bundled

    table = Table("model", "what it draws", "size", "measured, or its hub id and what it needs", box=box.SIMPLE, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[-1].overflow = "fold"
    for name, card in bundled().items():
        figures = [f"{what}: {value:.3g}" for what, value in card.get("quality", {}).items() if isinstance(value, float)]
        measured = "\n".join(figures[:2])
        table.add_row(name, escape(card["what"]), f"{card['parameters'] / 1e6:.1f} M", escape(measured))
    for name, known in NAMED.items():
        table.add_row(name, escape(known.what), f"{1000 * known.billions:.1f} M", escape(f"{known.hub}\n{known.needs}"))
    Console(soft_wrap=False).print(table)
    print("Or give --model a hub id, a folder that diffusers saved, or a run that `noisewalk train` wrote.")
    return 0


def run_encode(rest: list[str]) -> int:
    """Run `noisewalk encode`."""
    command = read(Encode, rest, "encode")
    from ..models.text.embeddings import read_pth
    from ..models.zoo import load

    if not command.prompts and not command.embeddings:
        raise UserError("give prompts to encode, or --embeddings FILE.pth to import")
    found = read_pth(command.embeddings) if command.embeddings else {}
    model = load(command.model, **asdict(part(command, Loading)))
    if model.parts is None or model.parts.family.encode is None:
        raise UserError(f"'{command.model}' has no text encoder, so its prompts need no encoding; leave this command out")
    for prompt, embedding in found.items():
        print(f"{model.parts.keep(prompt, embedding)}  '{prompt}'")
    for prompt in command.prompts:
        model.encode(prompt)
        print(f"{model.parts.where(prompt)}  '{prompt}'")
    return 0


def run_doctor(rest: list[str]) -> int:
    """Run `noisewalk doctor`."""
    command = read(Doctor, rest, "doctor")
    from ..models.doctor import examine

    good = True
    for finding in examine(command.model, command.offline):
        print(finding)
        sys.stdout.flush()
        good = good and finding.good
    return 0 if good else 1
