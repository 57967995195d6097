"""What a cell prints, as one text.

It arrives in pieces that end anywhere. MyST-NB ends a line after each of them, in the middle of a word too.
"""

from __future__ import annotations

from typing import Any

from myst_nb.core import render
from sphinx.application import Sphinx


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs with the pieces of each stream put together, where the first of them was.

    >>> pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("ev", "ery")]
    >>> joined(pieces)[0]["text"]
    'every'
    """
    streams: dict[str, dict[str, Any]] = {}
    kept = []
    for output in outputs:
        known = streams.get(output.get("name", "")) if output["output_type"] == "stream" else None
        if known is None:
            kept.append(output)
            if output["output_type"] == "stream":
                streams[output["name"]] = output
        else:
            known["text"] += output["text"]
    return kept


def setup(app: Sphinx) -> dict[str, bool]:
    render.coalesce_streams = joined
    return {"parallel_read_safe": True, "parallel_write_safe": True}
