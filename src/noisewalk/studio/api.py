"""The interface for programs has an endpoint for each of five techniques; Gradio's client, HTTP and MCP can call it.

The parameters are the fields of the requests, so they are those of the command line and of the Python functions too.
"""

from __future__ import annotations

import hmac
import html
import inspect
import tempfile
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..checking import field_type
from ..errors import UserError
from ..images import open_bytes, read_file
from ..run.record import FIGURE, PictureRecord
from ..techniques import TECHNIQUES
from .fields import numbers, shown
from .forms import request_of
from .limits import Limits
from .line import Stopped
from .runner import finish
from .share import command
from .studio import Studio

ENDPOINTS = ("generate", "edit", "inpaint", "anagram", "hybrid")
LEFT_OUT = ("upsample_steps", "upsample_guidance_scale", "noise_level", "seeds")
"""The fields that an endpoint does not have."""
CALLER = "x-noisewalk-caller"
"""The header with the studio's secret and the address of an MCP client."""


def uploaded(path: Any, limits: Limits) -> Image.Image:
    """Return a picture that a client uploaded, read by noisewalk's own reader and within the limits.

    Raises:
        UserError: it is not a picture that can be read within the limits.
    """
    data = read_file(str(path))
    if len(data) > limits.upload:
        raise UserError(f"the picture has {len(data):,} bytes; at most {limits.upload:,} are taken here")
    return open_bytes(data, "the picture", most=limits.pixels).image


def refused(error: Exception) -> gr.Error:
    """Return an error for a program: the same sentence as on the command line, escaped, because pages show it as HTML."""
    return gr.Error(html.escape(str(error)), print_exception=False)


def endpoints(studio: Studio) -> None:
    """Make the endpoints in the `gr.Blocks` that is open."""
    for technique in ENDPOINTS:
        with gr.Column(visible=False):
            offered = [f for f in fields(TECHNIQUES[technique].request) if f.name not in LEFT_OUT]
            inputs = [*(_input(technique, f, studio.limits) for f in offered), gr.Textbox("auto", label="model")]
            outputs = [gr.Image(type="filepath", label="picture"), gr.Textbox(label="command")]
            button = gr.Button(technique)
        names = [*(f.name for f in offered), "model"]
        how = {"concurrency_limit": None, "api_name": technique, "api_visibility": "public"}
        button.click(
            endpoint(studio, technique, offered, names), inputs, outputs, api_description=description(technique), **how
        )


def endpoint(studio: Studio, technique: str, offered: list[Field[Any]], names: list[str]) -> Callable[..., tuple[str, str]]:
    """Return the function of an endpoint, which maps the fields of a request to the file of its picture and its command."""
    kind = TECHNIQUES[technique].request
    pictures = [f.name for f in offered if f.metadata.get("role")]
    listed = {
        f.name: field_type(kind, f.name).item for f in offered if f.name not in pictures and field_type(kind, f.name).several
    }

    def called(request: gr.Request, *values: Any) -> tuple[str, str]:
        given = {name: _given(value) for name, value in zip(names, values, strict=True) if value not in (None, "", [], ())}
        name = str(given.pop("model", "auto"))
        for f in offered:
            if f.metadata.get("positional") and not f.metadata.get("role") and f.name in ("prompt", "far", "near"):
                given.setdefault(f.name, "")
        try:
            lines = {name: item for name, item in listed.items() if item is not str and name in given}
            given |= {name: numbers(name, given[name], item) for name, item in lines.items()}
            given |= {name: uploaded(given[name], studio.limits) for name in pictures if name in given}
            asked = request_of(technique, given, studio.limits)
            with studio.device(caller(studio, request)) as control:
                model = studio.model(name, asked)
                ended = finish(technique, asked, model, control)
            if ended.result is None or ended.why:
                raise UserError(f"{ended.why}; ask for fewer steps or pictures")
        except (UserError, Stopped) as error:
            raise refused(error) from error
        result = ended.result
        png = result.png(PictureRecord("picture", 0) if len(result.images) == 1 else FIGURE)
        with tempfile.NamedTemporaryFile(suffix=".png", dir=studio.folder, delete=False) as file:
            file.write(png)
        return file.name, command(technique, asked, model.name, model.defaults_of(technique))

    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, plain, default=None, annotation=Any) for name in names]
    called.__signature__ = inspect.Signature([inspect.Parameter("request", plain), *parameters])  # type: ignore[attr-defined]
    called.__name__ = technique
    called.__doc__ = description(technique)
    return called


def caller(studio: Studio, request: gr.Request) -> str:
    """Return whose turn a request takes: its session, or, of an MCP client, which has none of its own, its address."""
    secret, _, address = (request.headers.get(CALLER) or "").partition(" ")
    known = hmac.compare_digest(secret.encode(), studio.secret.encode())
    return f"mcp:{address}" if known else str(request.session_hash or "")


def description(technique: str) -> str:
    """Return what an endpoint does and what its parameters mean, for people and for programs that choose tools."""
    kind = TECHNIQUES[technique].request
    lines = [(inspect.getdoc(kind) or technique).splitlines()[0], "", "Args:"]
    lines += [f"    {f.name}: {f.metadata['help']}" for f in fields(kind) if f.name not in LEFT_OUT]
    lines += ["    model: the name of a model that the studio offers; auto: digits if the prompts name digits, else emoji"]
    return "\n".join(lines)


def _given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _input(technique: str, f: Field[Any], limits: Limits) -> Any:
    """Return the parameter of a field."""
    if f.metadata.get("role"):
        return gr.File(label=f.name, type="filepath", file_count="single")
    kind = field_type(TECHNIQUES[technique].request, f.name)
    value = None if f.default is MISSING else f.default
    if kind.several and kind.item is str:
        return gr.Dropdown([], value=list(value) if value else None, multiselect=True, allow_custom_value=True, label=f.name)
    if kind.several:
        return gr.Textbox(shown(value) if value else None, label=f.name)
    if kind.item is str:
        return gr.Textbox(value, label=f.name)
    return gr.Number(value, label=f.name, precision=0 if kind.item is int else None)


def show_pictures(mcp: Any) -> None:
    """Let Gradio's MCP server answer with pictures; by itself it takes several outputs for one and writes them as text.

    Args:
        mcp: the server.
    """
    content = mcp.postprocess_output_data

    def outputs(data: Any, root_url: str) -> Any:
        return content(data[0] if len(data) == 1 and isinstance(data[0], list | tuple) else data, root_url)

    mcp.postprocess_output_data = outputs


def sweep(folder: Path, most: int) -> None:
    """Remove the oldest files of a folder until the rest are at most `most` bytes."""
    found = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in folder.rglob("*") if path.is_file()), reverse=True
    )
    total = 0
    for _, size, path in found:
        total += size
        if total > most:
            path.unlink(missing_ok=True)
