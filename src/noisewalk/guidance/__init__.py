"""Guidance: functions that take denoisers and return a denoiser. It needs torch only."""

from ..lazy import attach

__getattr__, __dir__ = attach(__name__)
