"""Studios are started here, with who may reach them, what they may be asked, and where their temporary files are."""

from __future__ import annotations

import hmac
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError, install
from ..files import alive, read_bounded
from ..requests import Loading
from ..requests import Studio as Options
from .limits import LIMITS

log = logging.getLogger("noisewalk")
PREFIX = "noisewalk-studio-"
CONTRAST = {
    "body_text_color_subdued": "#52525b",
    "body_text_color_subdued_dark": "#d4d4d8",
    "block_info_text_color": "#52525b",
    "block_info_text_color_dark": "#d4d4d8",
    "input_placeholder_color": "#5f5f68",
    "input_placeholder_color_dark": "#c4c4cc",
    "button_primary_background_fill": "#1d4ed8",
    "button_primary_background_fill_dark": "#1d4ed8",
    "button_primary_background_fill_hover": "#1e40af",
    "button_primary_background_fill_hover_dark": "#1e40af",
}
"""Colours that are easier to read than the theme's."""
FONT = ["system-ui", "sans-serif"]
PATIENCE = 30.0
"""The seconds in which a computation must heed the end of the studio; one network call takes less."""
OFFERED = ("emoji", "digits")
"""The models that every studio offers."""


def start(options: Options, loading: Loading | None = None, wait: bool = True) -> Running:
    """Start a studio, and wait until it is stopped.

    Args:
        options: the options of the command.
        loading: the options of `load`.
        wait: whether to wait; otherwise `close` of the studio that is returned stops it.

    Raises:
        UserError: Gradio is missing, a model is not found, the port is taken, or an option does not fit.
    """
    check_password = password(options.auth) if options.auth else None
    folder = new_folder()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        running = _launched(options, folder, check_password, loading)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if wait:
        try:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # its files are removed in either case
            threading.Event().wait()
        finally:
            running.close()
    return running


@dataclass(frozen=True)
class Running:
    """A studio that runs.

    Args:
        blocks: the page, as Gradio's `Blocks`.
        studio: what its parts share.
    """

    blocks: Any
    studio: Any

    @property
    def folder(self) -> Path:
        """The folder of its temporary files."""
        return Path(self.studio.folder)

    @property
    def url(self) -> str:
        """The address on this machine."""
        return str(self.blocks.local_url)

    def close(self) -> None:
        """Stop all work and the studio, and remove its files."""
        self.studio.line.end(PATIENCE)
        self.blocks.close(verbose=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def new_folder() -> Path:
    """Return a new folder for temporary files, and remove the folders that killed studios left."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        writer = left.name.removeprefix(PREFIX).partition("-")[0]
        if writer.isdecimal() and not alive(int(writer)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def password(auth: str) -> Callable[[str, str], bool]:
    """Return the function that checks a name and a password.

    Args:
        auth: "USER:FILE"; the password is the first line of the file.

    Raises:
        UserError: it has another form, or the file holds no password.
    """
    user, colon, file = auth.partition(":")
    if not (user and colon and file):
        raise UserError(f"--auth is written USER:FILE, but '{auth[:60]}' was given; the file's first line is the password")
    lines = read_bounded(Path(file).expanduser(), 10_000).decode("utf-8", "replace").splitlines()
    secret = lines[0].strip() if lines else ""
    if len(secret) < 8:
        raise UserError(f"the password in {file} has {len(secret)} characters; write one of at least 8 into its first line")

    def check(name: str, given: str) -> bool:
        same_name = hmac.compare_digest(name.encode(), user.encode())
        return hmac.compare_digest(given.encode(), secret.encode()) and same_name

    return check


def _launched(options: Options, folder: Path, check: Callable[[str, str], bool] | None, loading: Loading | None) -> Running:
    try:
        import gradio as gr
    except ModuleNotFoundError:
        raise UserError(f"the studio needs Gradio: {install('studio')}") from None
    from starlette.middleware import Middleware

    from ..models.zoo import load
    from .api import show_pictures
    from .components import scripts, style
    from .guard import Guard
    from .line import Line
    from .page import page
    from .studio import Studio

    own = () if options.model == "auto" else (options.model,)
    models = tuple(dict.fromkeys((*own, *OFFERED, *options.allow_model)))
    asked = loading.changed() if loading else {}
    for name in (*own, *options.allow_model):
        load(name, **asked)  # what is missing is said now, and not to the first visitor
    limits = LIMITS[options.limits]
    studio = Studio(models, limits, folder, asked, Line(options.queue))
    blocks = page(studio)
    blocks.queue(max_size=options.queue, default_concurrency_limit=4, api_open=False)
    theme = gr.themes.Default(primary_hue="blue", font=FONT, font_mono=["ui-monospace", "monospace"]).set(**CONTRAST)
    try:
        blocks.launch(
            server_name=options.host, server_port=options.port or None, share=options.share, auth=check, quiet=True,
            prevent_thread_lock=True, inbrowser=options.open, theme=theme, css=style(), head=scripts(), ssr_mode=False,
            allowed_paths=[], max_file_size=limits.upload, mcp_server=True, footer_links=["api"], enable_monitoring=False,
            pwa=False, max_threads=options.queue + 40, state_session_capacity=200,
            app_kwargs={"middleware": [Middleware(Guard, studio=studio)]},
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the studio cannot listen at {options.host}:{options.port} ({error}); choose another --port"
        ) from error
    show_pictures(blocks.mcp_server_obj)
    threading.Thread(target=studio.warm_up, daemon=True).start()
    if options.host not in ("127.0.0.1", "localhost", "::1") and not options.auth:
        log.warning("everybody who reaches %s can use this studio; --auth USER:FILE asks for a password", options.host)
    log.info("the studio is at %s (Ctrl-C stops it)", blocks.share_url or blocks.local_url)
    return Running(blocks, studio)
