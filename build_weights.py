"""Puts the bundled weights into a wheel, unless NOISEWALK_WITHOUT_WEIGHTS is set: then the wheel fetches them when needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Weights(BuildHookInterface):  # type: ignore[type-arg]
    """A build hook that adds the weights, or leaves them out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files that the build takes besides those it finds by itself."""
        if os.environ.get("NOISEWALK_WITHOUT_WEIGHTS"):
            return
        folder = Path("src/noisewalk/weights")
        for file in sorted((Path(self.root) / folder).glob("*.safetensors")):
            build_data["force_include"][str(file)] = f"noisewalk/weights/{file.name}"
