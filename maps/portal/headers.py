"""[io] What every answer carries, whoever makes it: policy, language, compression, the access log, and
a page with a number where something broke.

Pure ASGI: the language set here holds in the threads that the handlers run in.
"""

from __future__ import annotations

import gzip
import logging
import re
import secrets
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geodata import words

LANGUAGE_COOKIE = "gx_lang"
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PACKED = re.compile(r"text/(html|css|javascript|plain)|application/(\w+\+)?json|application/(geo\+)?json|image/svg")
SMALLEST = 800
log = logging.getLogger("gengxun.portal")
access_log = logging.getLogger("gengxun.access")


class Outermost:
    """broken: (request, number) → the page for what nobody foresaw."""

    def __init__(self, app: ASGIApp, broken: Callable[[Request, str], Response]) -> None:
        self.app, self.broken = app, broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        asked = _asked(scope)
        words.use(asked or _cookie(scope) or "zh")
        answer = _Answer(scope, send, asked)
        try:
            await self.app(scope, receive, answer)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("%s %s %s", number, scope["method"], shown(scope["path"]))
            if not answer.started:
                await self.broken(Request(scope), number)(scope, receive, answer)
        finally:
            answer.log()


class _Answer:
    """``send`` with headers, compression and a line of the log."""

    def __init__(self, scope: Scope, send: Send, asked: str | None) -> None:
        self.scope, self.send, self.asked = scope, send, asked
        self.started, self.status, self.begun = False, 0, time.monotonic()
        self.held: Message | None = None
        accepts = next((v for k, v in scope["headers"] if k == b"accept-encoding"), b"")
        self.gzip = b"gzip" in accepts and scope["method"] != "HEAD"

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self.asked:
                headers.append("set-cookie", f"{LANGUAGE_COOKIE}={self.asked}; Path=/; Max-Age=31536000; SameSite=Lax")
            if self.gzip and "content-encoding" not in headers and PACKED.match(headers.get("content-type", "")):
                headers.add_vary_header("accept-encoding")
                self.held = message
                return
        elif self.held is not None:
            await self._packed(message)
            return
        await self.send(message)

    async def _packed(self, message: Message) -> None:
        """One whole body is compressed; what comes in pieces goes as it is."""
        assert self.held is not None
        start, self.held, body = self.held, None, message.get("body", b"")
        if not message.get("more_body") and len(body) >= SMALLEST:
            body = gzip.compress(body, 5, mtime=0)
            headers = MutableHeaders(scope=start)
            headers["content-encoding"], headers["content-length"] = "gzip", str(len(body))
            message = {**message, "body": body}
        await self.send(start)
        await self.send(message)

    def log(self) -> None:
        """Method, path and status: no query, no cookie, of a field link its first letters only."""
        took_ms = 1000 * (time.monotonic() - self.begun)
        method, path = self.scope["method"], shown(self.scope["path"])
        access_log.info("%s %s %d %.0f ms", method, path, self.status, took_ms)


def shown(path: str) -> str:
    """A path for the log, without anything that could end its line."""
    path = re.sub(r"^(/l/[^/]{0,4})[^/]*", r"\1…", path)
    return "".join(c if c.isprintable() else "?" for c in path)[:200]


def _asked(scope: Scope) -> str | None:
    query = scope.get("query_string", b"")
    if b"lang=" not in query:
        return None
    said = parse_qs(query.decode("latin-1")).get("lang", [""])[-1]
    return said if said in words.LANGUAGES else None


def _cookie(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"cookie" and LANGUAGE_COOKIE.encode() in value:
            try:
                held = SimpleCookie(value.decode("latin-1")).get(LANGUAGE_COOKIE)
            except Exception:  # a cookie jar of somebody else's making
                return None
            return held.value if held and held.value in words.LANGUAGES else None
    return None
