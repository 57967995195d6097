"""The output of a cell as one text.

It arrives in pieces that may end in the middle of a word, and MyST-NB ends a line after each of them.
"""

from __future__ import annotations

from typing import Any

from myst_nb.core import render
from sphinx.application import Sphinx


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the pieces of each stream at the place of the first one.

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
