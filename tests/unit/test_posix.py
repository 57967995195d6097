"""Tests that need POSIX ask for the fixture `posix`, which skips them on Windows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NEEDS = r"preexec_fn|killpg|os\.kill\(|SIGKILL|SIGHUP|send_signal|setrlimit|umask|geteuid|\bst_mode"
"""What Windows has not, or has in another way."""

Function = tuple[str, str, set[str], bool]
"""The name of a function, its text, the fixtures that it asks for, and whether pytest runs it."""


def functions(file: Path) -> list[Function]:
    text, found = file.read_text(encoding="utf-8"), list[Function]()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            marks = " ".join(map(ast.unparse, node.decorator_list))
            asked = {argument.arg for argument in node.args.args} | set(re.findall(r"usefixtures\('(\w+)'\)", marks))
            source = marks + (ast.get_source_segment(text, node) or "")
            found.append((node.name, source, asked, node.name.startswith("test_") or "pytest.fixture" in marks))
    return found


def test_what_windows_has_not_is_asked_for() -> None:
    files = {file: functions(file) for file in TESTS.rglob("*.py") if file != Path(__file__)}
    asking = {"posix"} | {name for each in files.values() for name, _, asked, _ in each if "posix" in asked}
    missing = []
    for file, each in files.items():
        helpers = [rf"\b{name}\b" for name, source, _, run in each if not run and re.search(NEEDS, source)]
        needs = re.compile("|".join([NEEDS, *helpers]))
        missing += [
            f"{file.name}::{name}" for name, source, asked, run in each if run and needs.search(source) and not asking & asked
        ]
    assert missing == []
