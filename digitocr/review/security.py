"""Who may ask the server of `review`, and what browsers may do with its answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from secrets import compare_digest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The page may load its own files and talk to its own server; nothing else, and no inline script.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # the token in the address stays here
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}


class Guard:
    """Lets through what this machine's browser asks by the address with the token.

    Other machines can't reach a loopback address, but pages of other sites, open in the same
    browser, can: they don't know the token, and browsers name them in `Origin`. A site whose name
    leads to 127.0.0.1 (DNS rebinding) is told by `Host`.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Sequence[str]) -> None:
        """Guard an application; `hosts` are the names and port that it may be called by."""
        self._app, self._start = app, f"/{token}/".encode()
        self._hosts = {host.encode() for host in hosts}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        if refusal := self._refusal(scope):
            from starlette.responses import PlainTextResponse

            status, sentence = refusal
            await PlainTextResponse(sentence, status)(scope, receive, send_guarded)
        else:
            with suppress(Exception):  # the application has answered; it raises what was unexpected
                await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and sentence where a request is refused."""
        given = [(key, value) for key, value in scope["headers"] if key in (b"host", b"origin")]
        headers = dict(given)
        if len(headers) != len(given) or headers.get(b"host") not in self._hosts:
            return 403, "Open the address that digitocr review has printed."
        origin = headers.get(b"origin")
        if origin not in self._origins and (origin is not None or scope["method"] == "POST"):
            return 403, "This page belongs to another site."
        path = scope["path"].encode("utf-8", "surrogateescape")
        if not compare_digest(path[: len(self._start)], self._start):
            return 404, "Open the whole address that digitocr review has printed last."
        return None
