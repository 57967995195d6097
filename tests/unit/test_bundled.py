"""A build without weights fetches and checks them, or says what to do."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from noisewalk import UserError
from noisewalk.models import bundled, trained, zoo
from noisewalk.models.checkpoint import fingerprint, read_card, shards_of

WHOLE = bundled.WEIGHTS


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """A server of the folder of weights, on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(WHOLE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with cards and without weights."""
    folder = tmp_path / "package" / "weights"
    folder.mkdir(parents=True)
    for card in WHOLE.glob("*.json"):
        shutil.copyfile(card, folder / card.name)
    monkeypatch.setenv("NOISEWALK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(bundled.ADDRESS, raising=False)
    for module in (bundled, trained, zoo):
        monkeypatch.setattr(module, "WEIGHTS", folder)
    return folder


def test_weights_of_the_package_are_used_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bundled.ADDRESS, "http://127.0.0.1:1")
    assert bundled.present(WHOLE / "digits.safetensors") == WHOLE / "digits.safetensors"


@pytest.mark.parametrize("name", sorted(path.stem for path in WHOLE.glob("*.json")))
def test_every_card_says_which_weights_are_meant(name: str) -> None:
    assert read_card(WHOLE / f"{name}.json")["sha256"].startswith(fingerprint(WHOLE / f"{name}.safetensors"))


def test_weights_that_were_left_out_are_fetched_once(bare: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bundled.ADDRESS, address)
    found = bundled.present(bare / "emoji.safetensors")  # in two files
    assert found.read_bytes() == (WHOLE / "emoji.safetensors").read_bytes()
    assert {file.name for file in found.parent.iterdir()} == {"emoji.json", found.name, *shards_of(found)}
    monkeypatch.delenv(bundled.ADDRESS)
    assert bundled.present(bare / "emoji.safetensors") == found
    assert zoo.load("emoji").fingerprint == fingerprint(found)


def test_other_files_are_refused(bare: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bundled.ADDRESS, address)
    card = (bare / "digits.json").read_text()
    (bare / "digits.json").write_text(card.replace(fingerprint(WHOLE / "digits.safetensors"), "0" * 16))
    with pytest.raises(UserError, match="SHA256 hash of downloaded file"):
        bundled.present(bare / "digits.safetensors")


def test_where_nothing_can_be_fetched_it_says_what_to_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"built without digits\.safetensors, and no server offers it yet"):
        zoo.load("digits")
    monkeypatch.setenv(bundled.ADDRESS, "http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"cannot fetch digits\.safetensors .* check NOISEWALK_WEIGHTS_URL"):
        zoo.load("digits")
