"""Drawing curves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from ..errors import UserError, install

Curve = tuple[Sequence[float], Sequence[float]]
"""The x and the y values of the points of a curve."""


def curves(named: Mapping[str, Curve], x_label: str, y_label: str, logarithmic: bool = True, marker: str = "") -> bytes:
    """Return a PNG of one or several curves; several have a legend.

    Args:
        named: the curves by name.
        x_label: the label of the x axis.
        y_label: the label of the y axis.
        logarithmic: whether the y axis is logarithmic.
        marker: the marker of the points, as matplotlib names it; "" for none.

    Raises:
        UserError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError(f"the curves of a report need matplotlib: {install('train')}") from error
    figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, (x, y) in named.items():
        axes.plot(x, y, linewidth=1, label=name, marker=marker, markersize=3)
    axes.set(xlabel=x_label, ylabel=y_label, yscale="log" if logarithmic else "linear")
    axes.grid(alpha=0.3)
    if len(named) > 1:
        axes.legend(fontsize="small", frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
