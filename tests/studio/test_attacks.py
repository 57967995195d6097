"""Attacks on a studio, none of which may succeed: no file is read or written, nothing is fetched, and no limit is exceeded."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from PIL import Image, PngImagePlugin

import noisewalk as nw
from noisewalk.errors import UserError
from noisewalk.images import encode_png
from noisewalk.run.record import KEY, PictureRecord, parse_record
from noisewalk.studio import dropped, history
from noisewalk.studio.forms import request_of
from noisewalk.studio.guard import Guard
from noisewalk.studio.limits import LIMITS
from noisewalk.studio.pictures import data_url, decoded
from noisewalk.studio.server import password
from noisewalk.studio.studio import Studio

SECRET = "only the server may read this"


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """The shared state of a studio, without a server."""
    return Studio(("emoji", "digits"), LIMITS["normal"], tmp_path_factory.mktemp("inside"))


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the server."""
    path = tmp_path_factory.mktemp("server") / "secret.txt"
    path.write_text(SECRET)
    return path


@pytest.fixture(scope="module")
def seven() -> bytes:
    """A PNG that noisewalk wrote."""
    return nw.generate("digits", "7", steps=2).png(PictureRecord("picture", 0))


def forged(png: bytes, change: Callable[[dict[str, Any]], None]) -> str:
    """A PNG with another record, as a data URL."""
    record = json.loads(Image.open(io.BytesIO(png)).text[KEY])
    change(record)
    return data_url(encode_png(Image.open(io.BytesIO(png)), {KEY: json.dumps(record)}))


def refused(inside: Studio, url: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        dropped.read(inside, url)


FILES = ("file={path}", "file=/../../../..{path}", "file=%2e%2e/%2e%2e{path}", "file={url}", "proxy={url}", "file/{path}")
CLOSED = (
    "monitoring",
    "gradio_api/deep_link?session_hash=x",
    "gradio_api/runs",
    "gradio_api/vibe-code/",
    "gradio_api/dev/reload",
)


@pytest.mark.parametrize("route", FILES)
def test_no_file_and_no_address_is_served(studio: Any, secret: Path, route: str) -> None:
    address = f"{studio.url}gradio_api/{route.format(path=secret, url='http://127.0.0.1:1/x')}"
    answer = httpx.get(address, follow_redirects=False)
    assert answer.status_code in (400, 403, 404)
    assert SECRET not in answer.text


@pytest.mark.parametrize("route", CLOSED)
def test_routes_that_the_page_does_not_need_are_closed(studio: Any, route: str) -> None:
    assert httpx.get(studio.url + route).status_code == 404


def test_no_larger_request_is_read(studio: Any) -> None:
    answer = httpx.post(f"{studio.url}gradio_api/queue/join", content=b"{" + b" " * 30_000_000 + b"}", timeout=60)
    assert answer.status_code == 413
    upload = httpx.post(f"{studio.url}gradio_api/upload", files={"files": ("x.png", bytes(9_000_000))}, timeout=60)
    assert upload.status_code == 413


def test_an_upload_stays_in_its_folder(studio: Any) -> None:
    answer = httpx.post(f"{studio.url}gradio_api/upload", files={"files": ("../../../evil.sh", b"#!/bin/sh")})
    assert all(Path(path).resolve().is_relative_to(studio.folder.resolve()) for path in answer.json())


def test_an_uploaded_page_is_not_run(studio: Any) -> None:
    (path,) = httpx.post(f"{studio.url}gradio_api/upload", files={"files": ("x.svg", b"<svg onload='alert(1)'/>")}).json()
    answer = httpx.get(f"{studio.url}gradio_api/file={path}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_json_that_is_nested_without_end_is_refused(studio: Any) -> None:
    answer = httpx.post(f"{studio.url}gradio_api/queue/join", content=b'{"a":' * 100_000)
    assert answer.status_code == 413


def test_the_queue_cannot_be_passed_by(studio: Any) -> None:
    config = httpx.get(f"{studio.url}config").json()
    queued = next(each for each in config["dependencies"] if each["api_name"] == "generate")
    answer = httpx.post(
        f"{studio.url}gradio_api/run/predict", json={"fn_index": queued["id"], "data": ["7"], "session_hash": "x"}
    )
    assert answer.status_code in (401, 404, 422)


def test_only_five_endpoints_are_public(studio: Any) -> None:
    named = httpx.get(f"{studio.url}gradio_api/info").json()["named_endpoints"]
    assert sorted(named) == ["/anagram", "/edit", "/generate", "/hybrid", "/inpaint"]


@pytest.mark.parametrize("path", ["{secret}", "http://127.0.0.1:1/x.png", "https://example.com/x.png", "file://{secret}"])
def test_a_picture_of_the_interface_is_no_path_and_no_address(studio: Any, secret: Path, path: str) -> None:
    named = {"path": path.format(secret=secret), "meta": {"_type": "gradio.FileData"}}
    answer = httpx.post(f"{studio.url}gradio_api/call/edit", json={"data": [named, "x"]})
    if answer.status_code == 200:
        told = httpx.get(f"{studio.url}gradio_api/call/edit/{answer.json()['event_id']}", timeout=60).text
        assert "event: error" in told
        assert SECRET not in told


@pytest.mark.parametrize("value", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x.png", {"path": "/etc/passwd"}, 7])
def test_a_picture_of_the_page_is_no_path_and_no_address(inside: Studio, value: Any) -> None:
    with pytest.raises(UserError, match="not picture data"):
        decoded(value, inside.limits)


def test_a_picture_that_unpacks_to_much_is_refused(inside: Studio) -> None:
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(UserError, match="pixels; the limit is"):
        decoded(data_url(bomb.getvalue()), inside.limits)


def test_a_file_of_a_kind_that_starts_programs_is_refused(inside: Studio) -> None:
    with pytest.raises(UserError, match="not a picture"):
        decoded(data_url(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), inside.limits)


@pytest.mark.parametrize("name", ["google/ddpm-cifar10-32", "/etc/passwd", "../model", "deepfloyd", "hub:x/y", "emoji\0"])
def test_no_other_model_is_loaded(inside: Studio, name: str) -> None:
    with pytest.raises(UserError, match="does not offer the model"):
        inside.model(name, request_of("generate", {"prompt": "7"}, inside.limits))


@pytest.mark.parametrize("view", ["file:/etc/passwd", "FILE:/etc/passwd", "  file:x.npy", "file:x.npy@0123456789abcdef"])
def test_no_view_by_a_file_is_opened(inside: Studio, view: str) -> None:
    with pytest.raises(UserError, match="opens no files"):
        request_of("anagram", {"prompts": ("6", "9"), "views": ("identity", view)}, inside.limits)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num", 17),
        ("steps", 101),
        ("upsample", 2),
        ("seeds", tuple(range(17))),
        ("prompt", "x" * 301),
        ("num", 10**9),
    ],
)
def test_no_limit_is_passed(inside: Studio, field: str, value: Any) -> None:
    with pytest.raises(UserError, match="at most"):
        request_of("generate", {"prompt": "7", field: value}, inside.limits)


def test_no_picture_is_opened_by_its_name(inside: Studio, secret: Path) -> None:
    with pytest.raises(UserError, match="opens no files by name"):
        request_of("edit", {"image": str(secret)}, inside.limits)


@pytest.mark.parametrize("name", ["/etc/passwd", "evil/model", "../../model"])
def test_a_dropped_png_chooses_no_model(inside: Studio, seven: bytes, name: str) -> None:
    refused(inside, forged(seven, lambda record: record["model"].update(name=name, path=name)), "does not offer the model")


def test_a_dropped_png_chooses_no_upscaler(inside: Studio, seven: bytes) -> None:
    refused(inside, forged(seven, lambda record: record["model"].update(upscaler=["evil/model"])), "upscaler")


@pytest.mark.parametrize(
    ("field", "value"), [("num", 4096), ("steps", 1000), ("prompt", "x" * 9000), ("seeds", list(range(4000)))]
)
def test_a_dropped_png_passes_no_limit(inside: Studio, seven: bytes, field: str, value: Any) -> None:
    refused(inside, forged(seven, lambda record: record["spec"].update({field: value})), "at most")


def test_a_dropped_png_names_no_file(inside: Studio, seven: bytes) -> None:
    def views(record: dict[str, Any]) -> None:
        record.update(verb="anagram", spec={"prompts": ["6", "9"], "views": ["identity", "file:/etc/passwd"]})

    refused(inside, forged(seven, views), "view by a file")

    def image(record: dict[str, Any]) -> None:
        record.update(verb="edit", spec={"image": "/etc/passwd"})

    refused(inside, forged(seven, image), "image must be a picture")


def test_a_dropped_png_that_unpacks_to_much_is_refused(inside: Studio, seven: bytes) -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", KEY.encode() + b"\0\0" + zlib.compress(b"x" * 70_000_000, 9))
    out = io.BytesIO()
    Image.new("L", (28, 28)).save(out, "PNG", pnginfo=info)
    refused(inside, data_url(out.getvalue()), "longer than")


def test_what_an_error_quotes_is_escaped(studio: Any) -> None:
    answer = httpx.post(
        f"{studio.url}gradio_api/call/v2/generate", json={"prompt": "7", "model": "<img src=x onerror=alert(1)>"}
    )
    told = httpx.get(f"{studio.url}gradio_api/call/generate/{answer.json()['event_id']}", timeout=60).text
    assert "&lt;img" in told
    assert "<img" not in told


def test_a_prompt_cannot_leave_its_fence_in_a_report(inside: Studio) -> None:
    png = nw.generate("digits", "", steps=1).png(PictureRecord("picture", 0))
    report = partial(history.asking(inside), gr.Request(session_hash="a"))
    broken = forged(png, lambda record: record["spec"].update(prompt="7\n```\n<script>alert(1)</script>"))
    assert "line break" in report({"action": "report", "pngs": [broken]})["message"]
    hostile = forged(png, lambda record: record["spec"].update(prompt="``` <script>alert(1)</script> # x"))
    answer = report({"action": "report", "pngs": [hostile]})
    text = base64.b64decode(answer["download"]["url"].partition(",")[2]).decode()
    before, _, after = text.partition("````noisewalk\n")
    assert "<script>" not in before
    assert after.count("\n") == 2
    assert after.endswith("\n````\n"), "the fence is longer than the one in the prompt"


def test_a_password_is_compared_and_must_be_long(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    check = password(f"ann:{tmp_path / 'secret'}")
    assert check("ann", "correct horse")
    assert not check("ann", "correct")
    assert not check("bob", "correct horse")
    (tmp_path / "short").write_text("1234")
    with pytest.raises(UserError, match="at least 8"):
        password(f"ann:{tmp_path / 'short'}")


def test_the_folder_of_temporary_files_is_bounded(tmp_path: Path) -> None:
    small = Studio(("emoji",), replace(LIMITS["normal"], folder=1000), tmp_path)
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(bytes(100))
    assert Guard(None, small)._refusal("/gradio_api/upload", bytes(300)) == ""  # type: ignore[arg-type]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 700


def test_a_record_of_a_dropped_png_is_read_whole(inside: Studio, seven: bytes) -> None:
    """The attacks above are refused for their content, and not because every PNG is refused."""
    record, _ = dropped.read(inside, data_url(seven))
    assert record.request.prompt == parse_record(seven, "it").request.prompt == "7"
