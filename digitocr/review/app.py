"""What the server of `review` answers: its page, numbers, pictures, and what is decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from digitocr.core.errors import (
    DigitocrError,
    ExtraMissing,
    InputUnreadable,
    WrongUsage,
)
from digitocr.core.geometry import Box
from digitocr.recognition.model import Model
from digitocr.review.page_images import (
    PAGE_SIDES,
    Pictures,
    Shape,
    crop_around,
)
from digitocr.review.queue import (
    Filter,
    ReviewItem,
    ReviewQueue,
)
from digitocr.review.second_guess import second_guesses
from digitocr.review.security import Guard
from digitocr.review.session import (
    Conflict,
    Session,
    shown,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

_FILES = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_MOST_BYTES = 4096  # of what is posted; a decision has less than 200
_MOST_NUMBERS = 1000  # asked for at a time
# Pictures made at a time: more would only wait for each other, and decisions for all of them.
_AT_A_TIME = 2
_KEPT = {"cache-control": "private, max-age=86400"}  # an address with a token shows one picture


def web_app(
    session: Session, pictures: Pictures, model: Model | None, token: str, hosts: Iterable[str]
) -> ASGIApp:
    """Return the application that a review's page talks to.

    Args:
        session: the numbers, and where decisions go.
        pictures: of the run's pages.
        model: that makes second guesses; None for none.
        token: that every address begins with.
        hosts: names with port that it is called by.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Mount

    handlers: dict[Any, Any] = {
        Conflict: _conflict,
        DigitocrError: _refused,
        HTTPException: _not_found,
        Exception: _unexpected,
    }
    routes = [
        *_page_routes(),
        *_number_routes(session),
        *_picture_routes(session.doubts, pictures, model),
    ]
    app = Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers=handlers)
    return Guard(app, token, tuple(hosts))


def _page_routes() -> list[Any]:
    """Return the routes of the page's own files."""
    from starlette.responses import Response
    from starlette.routing import Route

    def route(path: Path) -> Route:
        content, kind = path.read_bytes(), _TYPES[path.suffix]

        def answer(_request: Request) -> Response:
            return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

        return Route("/" if path.name == "index.html" else f"/{path.name}", answer)

    return [route(path) for path in sorted(_FILES.iterdir()) if path.suffix in _TYPES]


def _number_routes(session: Session) -> list[Any]:
    """Return the routes that tell of numbers, and those that decide about them."""
    from starlette.routing import Route

    def one(entry: ReviewItem) -> dict[str, Any]:
        return shown(entry, session.doubts)

    def state(_request: Request) -> Response:
        audit = session.audit and {"shown": session.audit.shown}
        choices = session.doubts.choices()
        return _json({
            "progress": session.progress(), "choices": choices, "audit": audit,
            "recent": session.recent(),
        })  # fmt: skip

    def audit(_request: Request) -> Response:
        if session.audit is None:
            raise WrongUsage("this is no audit")
        return _json({**session.audit.summary(), "sizes": session.audit.sizes()})

    def queue(request: Request) -> Response:
        return _json({"ids": session.queue(_filter(request)), "progress": session.progress()})

    def numbers(request: Request) -> Response:
        asked = request.query_params.get("ids", "").split(",")[:_MOST_NUMBERS]
        return _json([one(session.doubts[_whole(number)]) for number in asked])

    def beside(request: Request) -> Response:
        found = session.doubts.beside(session.doubts[_whole(request.query_params.get("id"))])
        return _json([one(entry) for entry in found])

    def changes(request: Request) -> Response:
        since = _whole(request.query_params.get("since"))
        ids, changes = session.changes(since, _MOST_NUMBERS)
        found = [one(session.doubts[number]) for number in ids]
        return _json({"numbers": found, "changes": changes, "progress": session.progress()})

    def decided(entry: ReviewItem) -> Response:
        return _json({"number": one(entry), "progress": session.progress()})

    def decide(told: dict[str, Any]) -> Response:
        text = told.get("number")
        return decided(session.decide(_whole(told.get("id")), _whole(told.get("version")), text))

    def undo(told: dict[str, Any]) -> Response:
        return decided(session.undo(_whole(told.get("id")), _whole(told.get("version"))))

    def add(told: dict[str, Any]) -> Response:
        beside = session.doubts[_whole(told.get("id"))]
        box = _box(told.get("box"), session.doubts.shapes[beside.file, beside.page])
        return decided(session.add(beside.file, beside.page, box, told.get("number")))

    asked = {"state": state, "queue": queue, "numbers": numbers, "beside": beside, "audit": audit}
    posted = {"decide": decide, "undo": undo, "add": add}
    return [
        *(Route(f"/{name}", answer) for name, answer in {**asked, "changes": changes}.items()),
        *(Route(f"/{name}", _posted(act), methods=["POST"]) for name, act in posted.items()),
    ]


def _picture_routes(doubts: ReviewQueue, pictures: Pictures, model: Model | None) -> list[Any]:
    """Return the routes of pictures, and of what is seen in them."""
    from starlette.responses import Response
    from starlette.routing import Route

    turn = Semaphore(_AT_A_TIME)
    makers = {"crop": pictures.crop, "line": pictures.line}
    pages = list(doubts.files)

    def number(request: Request) -> Response:
        asked = request.path_params
        entry, make = doubts[_whole(asked["id"])], makers.get(asked["kind"])
        if make is None:
            raise WrongUsage("there is no such picture")
        with turn:
            made = make(entry.file, entry.page, doubts.shapes[entry.file, entry.page], entry.box)
        return Response(made, media_type="image/png", headers=_KEPT)

    def page(request: Request) -> Response:
        asked = request.path_params
        index, number, side = (_whole(asked[name]) for name in ("file", "page", "side"))
        file = pages[index] if index < len(pages) else ""
        if (file, number) not in doubts.shapes or side not in PAGE_SIDES:
            raise WrongUsage("there is no such page")
        with turn:
            made = pictures.whole(file, number, doubts.shapes[file, number], side)
        return Response(made, media_type="image/jpeg", headers=_KEPT)

    def hypotheses(request: Request) -> Response:
        entry = doubts[_whole(request.query_params.get("id"))]
        with turn:
            return _json(_guesses(entry, doubts, pictures, model) if model else [])

    return [
        Route("/pictures/{id}/{kind}.png", number),
        Route("/pages/{file}/{page}/{side}.jpg", page),
        Route("/guesses", hypotheses),
    ]


def _guesses(
    entry: ReviewItem, doubts: ReviewQueue, pictures: Pictures, model: Model
) -> list[tuple[str, float]]:
    """Return a second guess for each digit of a number."""
    shape, digits = doubts.shapes[entry.file, entry.page], doubts.digits(entry)
    if not digits:
        return []
    around = crop_around(shape, entry.box)
    gray = pictures.upright(entry.file, entry.page, shape)
    gray = gray[around.y : around.bottom, around.x : around.right]
    places = [shape.turned(Box(*digit["box"])) for digit in digits]
    boxes = [Box(one.x - around.x, one.y - around.y, one.width, one.height) for one in places]
    return second_guesses(gray, [digit["digit"] for digit in digits], boxes, model)


def _posted(act: Callable[[dict[str, Any]], Response]) -> Callable[[Request], Any]:
    """Return the handler that does what was posted, in a thread: it waits for the disk."""

    async def handler(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(act, await _told(request))

    return handler


async def _told(request: Request) -> dict[str, Any]:
    """Return the JSON object that was posted; no more is read than it may have."""
    if request.headers.get("content-type") != "application/json":
        raise WrongUsage("what is posted is JSON")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise WrongUsage(f"what is posted has at most {_MOST_BYTES} bytes")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WrongUsage("what was posted is no JSON") from error
    if not isinstance(told, dict):
        raise WrongUsage("what is posted is one object")
    return told


def _json(content: object) -> Response:
    from starlette.responses import Response

    text = json.dumps(content, separators=(",", ":"))
    return Response(text, media_type="application/json", headers={"cache-control": "no-store"})


def _conflict(_request: Request, _error: Exception) -> Response:
    return _failed(409, "another tab has decided about this number meanwhile")


def _refused(_request: Request, error: Exception) -> Response:
    """Answer with the sentence of an error that was foreseen."""
    lacking = isinstance(error, InputUnreadable | ExtraMissing)
    status = 404 if lacking else 400 if isinstance(error, WrongUsage) else 500
    return _failed(status, str(error))


def _not_found(_request: Request, error: Exception) -> Response:
    return _failed(getattr(error, "status_code", 404), "there is nothing here")


def _unexpected(_request: Request, error: Exception) -> Response:
    """Answer that a bug was met."""
    return _failed(500, f"unexpected {type(error).__name__}: {error}")


def _failed(status: int, sentence: str) -> Response:
    answer = _json({"error": sentence})
    answer.status_code = status
    return answer


def _whole(value: object) -> int:
    """Return a whole number as it was sent."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if type(value) is int:
        return value
    raise WrongUsage("a number is asked for by its place in the list")


def _filter(request: Request) -> Filter:
    """Return the filter in a query."""
    asked = request.query_params
    try:
        most = float(asked.get("most") or 1)
    except ValueError as error:
        raise WrongUsage("a confidence is a number from 0 to 1") from error
    return Filter(
        asked.get("file", ""), asked.get("table", ""), asked.get("field", ""),
        asked.get("status", "review"), most,
    )  # fmt: skip


def _box(value: Any, shape: Shape) -> Box:
    """Return a box, given as parts of the sides of the upright page, in pixels of it as given."""
    kinds = [type(side) for side in value] if isinstance(value, list) else []
    if len(kinds) != 4 or not {*kinds} <= {int, float}:
        raise WrongUsage("a box has x, y, width and height")
    x, y, width, height = value
    if not (0 <= x < x + width <= 1 and 0 <= y < y + height <= 1):
        raise WrongUsage("the box is not within the page")
    page = shape.upright
    left, top = int(x * page.width), int(y * page.height)
    right, bottom = round((x + width) * page.width), round((y + height) * page.height)
    box = Box(left, top, max(1, right - left), max(1, bottom - top))
    return page.turned(box)
