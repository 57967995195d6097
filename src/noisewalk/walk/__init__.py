"""The mathematics of one walk: noise levels, predictions, steps, and the loop. It needs torch only."""

from ..lazy import attach

__getattr__, __dir__ = attach(__name__)
