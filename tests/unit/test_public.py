"""The public statements are true: licences, version and workflow."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

import noisewalk

ROOT = Path(__file__).parents[2]


def test_the_notice_names_everything_that_the_weights_were_trained_on() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    sources = set()
    for card in (ROOT / "src/noisewalk/weights").glob("*.json"):
        data = json.loads(card.read_text()).get("data", [])
        sources |= set(data) if isinstance(data, list) else set()
    assert len(sources) > 5
    for source in sources:
        package, licence = re.match(r"(\S+) [\d.]+, ([\w.-]+):", source).groups()  # type: ignore[union-attr]
        assert package in notice
        assert licence in notice


def test_the_citation_is_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == noisewalk.__version__


def test_the_workflow_runs_what_exists() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    targets = {target for step in steps for target in re.findall(r"\bmake (\w+)", step)}
    makefile = (ROOT / "Makefile").read_text()
    assert targets == {"lint", "docs"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert "3.11" in jobs["test"]["strategy"]["matrix"]["python"]
