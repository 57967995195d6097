"""Names that are loaded when they are first used, so that reading a command line does not load torch."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any


def later(name: str) -> Callable[..., Any]:
    """Return a function that loads the function of that name when it is first called.

    Args:
        name: the name, as "package.module:function".

    >>> later("math:sqrt")(9)
    3.0
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return resolve_name(name)(*args, **kwargs)

    call.__name__ = name  # so that the documentation can find the function
    return call


def attach(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package that loads its names when they are first used.

    The names are those that `__init__.pyi` beside its `__init__.py` imports, which is also what type checkers read.

    Reference: PEP 562, "Module __getattr__ and __dir__".
    """
    module = sys.modules[package]
    stub = ast.parse(Path(str(module.__file__)).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    where = {alias.name: node.module for node in imports for alias in node.names}

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        if where[name] is None:
            return import_module(f".{name}", package)
        value = getattr(import_module(f".{where[name]}", package), name)
        setattr(module, name, value)
        return value

    return get, lambda: sorted({*vars(module), *where})
