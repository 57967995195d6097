"""The guard before Gradio's server bounds the routes and the size of a request, and lets no address stand for a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .api import CALLER, sweep
from .studio import Studio

API = "/gradio_api"
EXACT = {
    "/", "/config", "/theme.css", "/login", "/login/", "/logout", "/favicon.ico", "/robots.txt", f"{API}/info", f"{API}/info/",
    f"{API}/openapi.json", f"{API}/queue/join", f"{API}/queue/data", f"{API}/upload", f"{API}/cancel", f"{API}/reset",
    f"{API}/reset/", f"{API}/startup-events", f"{API}/app_id", f"{API}/app_id/", f"{API}/login_check", f"{API}/user",
    f"{API}/token", f"{API}/run/predict", f"{API}/theme.css", f"{API}/upload_progress",
}  # fmt: skip
STARTS = ("/assets/", "/static/", "/svelte/", f"{API}/call/", f"{API}/file=", f"{API}/heartbeat/", f"{API}/mcp")
"""The routes of a studio. All other routes of Gradio are answered as if they did not exist."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "object-src 'none'"
)
"""The page takes scripts, pictures and data from its own server only."""
LAST = b'"msg":"close_stream"'
"""What Gradio writes at the end of a stream of answers; in a text of the answers the quotation marks are escaped."""
ROOM = 100_000
"""The bytes of a request besides the picture in it."""


class Guard:
    """An ASGI layer around Gradio's server.

    Args:
        app: the application that answers the requests that pass.
        studio: the studio, whose limits hold.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app, self.studio = app, studio
        self.most = 2 * (studio.limits.upload * 4 // 3 + ROOM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path not in EXACT and not path.startswith(STARTS):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        if scope["method"] == "POST":
            body = await self._body(receive)
            refusal = "This request is larger than the studio takes." if body is None else self._refusal(path, body)
            if refusal or body is None:
                await PlainTextResponse(refusal, 413)(scope, receive, send)
                return
            receive = _again(body, receive)
        elif path == f"{API}/queue/data":
            session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
            receive, send = _until_gone(receive, send, partial(self.studio.line.stop, session, why="the page was closed"))
        if path.startswith(f"{API}/mcp"):
            scope = _with_caller(scope, self.studio)
        await self.app(scope, receive, _with_policy(send))

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the whole body, or None if it is too large."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.most:
                return None
            if not message.get("more_body"):
                return b"".join(parts)

    def _refusal(self, path: str, body: bytes) -> str:
        """Return why a request is not passed on, or "" if it is."""
        if path == f"{API}/upload":
            sweep(self.studio.folder, self.studio.limits.folder - len(body))
            return ""
        if body[:1] != b"{":
            return ""
        try:
            asked = msgspec.json.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return "This request is not JSON that can be read."
        refused = _names_address(asked, path.startswith(f"{API}/mcp"))
        return "A picture is uploaded; the studio fetches nothing from an address." if refused else ""


def _names_address(value: Any, strings: bool) -> bool:
    """Return whether a JSON value names a file by an address of the network.

    Args:
        value: the JSON value.
        strings: whether any text may name one, as in MCP.
    """
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            path = here.get("path")
            if isinstance(path, str) and "://" in path:
                return True
            left += here.values()
        elif isinstance(here, list):
            left += here
        elif strings and isinstance(here, str) and here.strip().lower().startswith(("http:", "https:")):
            return True
    return False


def _again(body: bytes, receive: Receive) -> Receive:
    """Return the body that was read as a message, and after it the messages that come (such as that the client has gone)."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _until_gone(receive: Receive, send: Send, gone: Callable[[], None]) -> tuple[Receive, Send]:
    """Return the same messages of a stream; `gone` is called when the client leaves before the stream has ended by itself.

    A client that has all its answers closes its connection too, and may have asked for more by then.
    """
    ended = False

    async def received() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect" and not ended:
            gone()
        return message

    async def sent(message: Message) -> None:
        nonlocal ended
        ended = ended or LAST in message.get("body", b"")
        await send(message)

    return received, sent


def _with_caller(scope: Scope, studio: Studio) -> Scope:
    """Return a request of an MCP client with its address in a header, which Gradio passes on to the endpoint.

    Gradio's MCP server asks for all clients in one session of its own. Nobody else knows the secret in the header.
    """
    host = (scope.get("client") or ("",))[0]
    headers = [(name, value) for name, value in scope["headers"] if name != CALLER.encode()]
    return {**scope, "headers": [*headers, (CALLER.encode(), f"{studio.secret} {host}".encode())]}


def _with_policy(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = (
                (b"content-security-policy", POLICY.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"no-referrer"),
            )
            message["headers"] = [*message.get("headers", []), *more]
        await send(message)

    return sent
