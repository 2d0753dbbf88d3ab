"""What the server of `review` answers: its page, numbers, pictures, and what is decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from digitocr.core.errors import (
    DigitocrError,
    ExtraMissing,
    InputUnreadable,
    WrongUsage,
    with_names,
)
from digitocr.core.geometry import Box
from digitocr.recognition.model import Model
from digitocr.review.page_images import (
    PAGE_SIDES,
    Pictures,
    Shape,
    crop_around,
    line_around,
    part_of,
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
_PICTURES_AT_ONCE = 2
_KEPT = {"cache-control": "private, max-age=86400"}  # an address with a token shows one picture


def web_app(
    session: Session,
    pictures: Pictures,
    model: Model | None,
    option_names: Mapping[str, str],
    token: str,
    hosts: Iterable[str],
) -> ASGIApp:
    """Return the application that a review's page talks to.

    Args:
        session: the numbers, and where decisions go.
        pictures: of the run's pages.
        model: that makes second guesses; None for none.
        option_names: how sentences call settings (`with_names`).
        token: that every address begins with.
        hosts: names with port that it is called by.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Mount

    handlers: dict[Any, Any] = {
        Conflict: _conflict_answer,
        DigitocrError: partial(_refusal_answer, option_names),
        HTTPException: _not_found_answer,
        Exception: _bug_answer,
    }
    routes = [
        *_page_routes(),
        *_number_routes(session),
        *_decision_routes(session),
        *_picture_routes(session.queue, pictures, model),
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
    """Return the routes that tell of numbers."""
    from starlette.routing import Route

    def items_json(items: Iterable[ReviewItem]) -> list[dict[str, Any]]:
        return [_item_json(item, session.queue) for item in items]

    def state(_request: Request) -> Response:
        return _json({
            "progress": asdict(session.progress()),
            "choices": session.queue.choices(),
            "audit": session.audit and {"shown": session.audit.shown},
            "recent": session.recent(),
        })  # fmt: skip

    def audit(_request: Request) -> Response:
        if session.audit is None:
            raise WrongUsage("this is no audit")
        return _json({**session.audit.summary().to_dict(), "sizes": session.audit.sizes()})

    def queue(request: Request) -> Response:
        ids = session.wanted(_filter(request))
        return _json({"ids": ids, "progress": asdict(session.progress())})

    def numbers(request: Request) -> Response:
        asked = request.query_params.get("ids", "").split(",")[:_MOST_NUMBERS]
        return _json(items_json(session.queue[_whole_number(number)] for number in asked))

    def beside(request: Request) -> Response:
        item = session.queue[_asked_number(request, "id")]
        return _json(items_json(session.queue.neighbours(item)))

    def changes(request: Request) -> Response:
        ids, n_seen = session.changes(_asked_number(request, "since"), _MOST_NUMBERS)
        found = items_json(session.queue[number] for number in ids)
        progress = asdict(session.progress())
        return _json({"numbers": found, "changes": n_seen, "progress": progress})

    answers = (state, queue, numbers, beside, audit, changes)
    return [Route(f"/{answer.__name__}", answer) for answer in answers]


def _decision_routes(session: Session) -> list[Any]:
    """Return the routes that decide about numbers."""
    from starlette.routing import Route

    def decided_item(item: ReviewItem) -> Response:
        number = _item_json(item, session.queue)
        return _json({"number": number, "progress": asdict(session.progress())})

    def seen_version(posted: dict[str, Any]) -> tuple[int, int]:
        return _whole_number(posted.get("id")), _whole_number(posted.get("version"))

    def decide(posted: dict[str, Any]) -> Response:
        return decided_item(session.decide(*seen_version(posted), posted.get("number")))

    def undo(posted: dict[str, Any]) -> Response:
        return decided_item(session.undo(*seen_version(posted)))

    def add(posted: dict[str, Any]) -> Response:
        item = session.queue[_whole_number(posted.get("id"))]  # of the same page
        box = _box(posted.get("box"), session.queue.shapes[item.file, item.page])
        return decided_item(session.add(item.file, item.page, box, posted.get("number")))

    return [
        Route(f"/{act.__name__}", _post_handler(act), methods=["POST"])
        for act in (decide, undo, add)
    ]


def _item_json(item: ReviewItem, queue: ReviewQueue) -> dict[str, Any]:
    """Return what the page needs to know of a number, as JSON takes it."""
    shape = queue.shapes[item.file, item.page]
    page = shape.upright
    turned, line = shape.turned(item.box), line_around(shape, item.box)
    crop = crop_around(shape, item.box)
    return {
        "id": item.id,
        "version": item.version,
        "file": item.file,
        "page": item.page,
        "pageId": f"{queue.files[item.file]}/{item.page}",
        "line": item.line,
        "item": item.item,
        "table": item.table,
        "row": item.row,
        "column": item.column,
        "field": item.field,
        "read": item.read,
        "confidence": item.confidence,
        "doubtful": item.for_review,
        "digits": [
            {"digit": one.digit, "confidence": one.confidence} for one in queue.digits(item)
        ],
        "decided": item.decision is not None,
        "number": item.decision.number if item.decision else None,
        "onPage": part_of(turned, Box(0, 0, page.width, page.height)),
        "onLine": part_of(turned, line),
        "pageSize": [page.width, page.height],
        "lineSize": [line.width, line.height],
        "cropSize": [crop.width, crop.height],
    }


def _picture_routes(queue: ReviewQueue, pictures: Pictures, model: Model | None) -> list[Any]:
    """Return the routes of pictures, and of what is seen in them."""
    from starlette.responses import Response
    from starlette.routing import Route

    turn = Semaphore(_PICTURES_AT_ONCE)
    makers = {"crop": pictures.crop, "line": pictures.line}
    pages = list(queue.files)

    def number(request: Request) -> Response:
        asked = request.path_params
        item, make = queue[_whole_number(asked["id"])], makers.get(asked["kind"])
        if make is None:
            raise WrongUsage("there is no such picture")
        with turn:
            made = make(item.file, item.page, queue.shapes[item.file, item.page], item.box)
        return Response(made, media_type="image/png", headers=_KEPT)

    def page(request: Request) -> Response:
        asked = request.path_params
        index, number, side = (_whole_number(asked[name]) for name in ("file", "page", "side"))
        file = pages[index] if index < len(pages) else ""
        if (file, number) not in queue.shapes or side not in PAGE_SIDES:
            raise WrongUsage("there is no such page")
        with turn:
            made = pictures.whole(file, number, queue.shapes[file, number], side)
        return Response(made, media_type="image/jpeg", headers=_KEPT)

    def guesses(request: Request) -> Response:
        item = queue[_asked_number(request, "id")]
        with turn:
            return _json(_second_guesses(item, queue, pictures, model) if model else [])

    return [
        Route("/pictures/{id}/{kind}.png", number),
        Route("/pages/{file}/{page}/{side}.jpg", page),
        Route("/guesses", guesses),
    ]


def _second_guesses(
    item: ReviewItem, queue: ReviewQueue, pictures: Pictures, model: Model
) -> list[tuple[str, float]]:
    """Return a second guess for each digit of a number."""
    shape, digits = queue.shapes[item.file, item.page], queue.digits(item)
    if not digits:
        return []
    around = crop_around(shape, item.box)
    gray = pictures.upright(item.file, item.page, shape)
    gray = gray[around.y : around.bottom, around.x : around.right]
    places = [shape.turned(digit.box) for digit in digits]
    boxes = [Box(one.x - around.x, one.y - around.y, one.width, one.height) for one in places]
    return second_guesses(gray, [digit.digit for digit in digits], boxes, model)


def _post_handler(act: Callable[[dict[str, Any]], Response]) -> Callable[[Request], Any]:
    """Return the handler that does what was posted, in a thread: it waits for the disk."""

    async def handler(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(act, await _posted_object(request))

    return handler


async def _posted_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that was posted; no more is read than it may have."""
    if request.headers.get("content-type") != "application/json":
        raise WrongUsage("what is posted is JSON")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise WrongUsage(f"what is posted has at most {_MOST_BYTES} bytes")
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WrongUsage("what was posted is no JSON") from error
    if not isinstance(posted, dict):
        raise WrongUsage("what is posted is one object")
    return posted


def _json(content: object) -> Response:
    from starlette.responses import Response

    text = json.dumps(content, separators=(",", ":"))
    return Response(text, media_type="application/json", headers={"cache-control": "no-store"})


def _conflict_answer(_request: Request, _error: Exception) -> Response:
    return _failure_answer(409, "another tab has decided about this number meanwhile")


def _refusal_answer(names: Mapping[str, str], _request: Request, error: Exception) -> Response:
    """Answer with the sentence of an error that was foreseen."""
    lacking = isinstance(error, InputUnreadable | ExtraMissing)
    status = 404 if lacking else 400 if isinstance(error, WrongUsage) else 500
    return _failure_answer(status, with_names(str(error), names))


def _not_found_answer(_request: Request, error: Exception) -> Response:
    return _failure_answer(getattr(error, "status_code", 404), "there is nothing here")


def _bug_answer(_request: Request, error: Exception) -> Response:
    """Answer that a bug was met."""
    return _failure_answer(500, f"unexpected {type(error).__name__}: {error}")


def _failure_answer(status: int, sentence: str) -> Response:
    answer = _json({"error": sentence})
    answer.status_code = status
    return answer


def _whole_number(value: object) -> int:
    """Return a whole number as it was sent."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if type(value) is int:
        return value
    raise WrongUsage("a number is asked for by its place in the list")


def _asked_number(request: Request, name: str) -> int:
    """Return a whole number of an address's query."""
    return _whole_number(request.query_params.get(name))


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
