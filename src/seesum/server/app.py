"""The application: which path is answered by what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import platform
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import seesum
from seesum.reading.reader import Reader
from seesum.server.answers import Answerer
from seesum.server.contract import describe_answer, describe_explained, describe_request, describe_responses
from seesum.server.counters import Counters
from seesum.server.guard import Guard
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question, parse_question, parse_questions
from seesum.server.workers import Workers

JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"
REFUSALS = (400, 408, 413, 415, 421, 422, 503)
"""The statuses with which a question may be refused."""

Handler = Callable[[Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A path whose handler takes the request as it is. FastAPI's own parsing would cost more than the network."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


def build_app(reader: Reader, about: dict[str, Any], limits: Limits | None = None, any_host: bool = False) -> FastAPI:
    """Build the application around a reader. Its workers start and end with it.

    Args:
        reader: answers the questions.
        about: the answer of GET /adder, from ``adder.describe_adder``.
        limits: bounds on requests; None for the usual ones.
        any_host: whether requests may name any ``Host``.
    """
    limits = limits or Limits()
    workers = Workers(Answerer(reader, limits), limits)

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="seesum",
        version=seesum.__version__,
        summary="See a digit, say the sum.",
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
        lifespan=live,
    )
    app.router.route_class = DirectRoute
    _add_questions(app, workers, limits, reader)
    counters = Counters(frozenset())
    _add_facts(app, about, counters)
    counters.paths = frozenset(path for route in app.routes if (path := getattr(route, "path", None)))
    app.add_exception_handler(RequestError, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_middleware(Guard, counters=counters, limits=limits, any_host=any_host)
    return app


def _add_questions(app: FastAPI, workers: Workers, limits: Limits, reader: Reader) -> None:
    answer = describe_answer(reader.operation.num_classes, reader.operation.lowest)

    async def ask(question: Question) -> Response:
        (reply,) = await workers.ask([question])
        if isinstance(reply, RequestError):
            raise reply
        return Response(reply, media_type=JSON)

    async def predict(request: Request) -> Response:
        return await ask(parse_question(*await _read_upload(request, limits)))

    async def explain(request: Request) -> Response:
        wanted = request.query_params.get("saliency", "false")
        if wanted not in ("true", "false"):
            raise RequestError(422, "saliency must be true or false")
        body, content_type = await _read_upload(request, limits)
        return await ask(parse_question(body, content_type, True, wanted == "true"))

    async def predict_batch(request: Request) -> Response:
        body, content_type = await _read_upload(request, limits)
        replies = await workers.ask(parse_questions(body, content_type, limits.batch))
        parts = [reply.encode() if isinstance(reply, RequestError) else reply for reply in replies]
        return Response(b'{"answers": [' + b", ".join(parts) + b"]}", media_type=JSON)

    listed = {"type": "array", "items": {"anyOf": [answer, {"type": "object", "required": ["error"]}]}}
    answers = {"type": "object", "required": ["answers"], "properties": {"answers": listed}}
    wish = {"name": "saliency", "in": "query", "schema": {"type": "boolean", "default": False}}
    _add(app, "POST", "/predict", predict, "Digit and sum of a picture and an addend.", answer, REFUSALS, describe_request())
    many = f"Digit and sum of up to {limits.batch} pictures, or an error for each."
    _add(app, "POST", "/predict/batch", predict_batch, many, answers, REFUSALS, describe_request(limits.batch))
    more = "As /predict, with the image that the network saw and what mattered in it."
    explained = describe_explained(answer)
    _add(app, "POST", "/explain", explain, more, explained, REFUSALS, describe_request(), [wish])


def _add_facts(app: FastAPI, about: dict[str, Any], counters: Counters) -> None:
    policy, page = _load_page()
    adder = json.dumps(about).encode()
    network = {name: about[name] for name in ("system", "adder", "operation")}
    version = json.dumps({"seesum": seesum.__version__, "python": platform.python_version(), **network}).encode()

    async def show_page(_: Request) -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy})

    async def check_health(_: Request) -> Response:
        return Response(b'{"status": "ok"}', media_type=JSON)

    async def tell_version(_: Request) -> Response:
        return Response(version, media_type=JSON)

    async def tell_adder(_: Request) -> Response:
        return Response(adder, media_type=JSON)

    async def show_metrics(_: Request) -> Response:
        return Response(counters.format(), media_type=TEXT)

    anything = {"type": "object"}
    app.add_api_route("/", show_page, methods=["GET"], include_in_schema=False)
    _add(app, "GET", "/health", check_health, "Whether the server answers.", anything)
    _add(app, "GET", "/version", tell_version, "Versions, and which network answers.", anything)
    _add(app, "GET", "/adder", tell_adder, "How the network adds: its operation, and its table if it has one.", anything)
    metrics = {"type": "string"}
    app.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        response_class=Response,
        summary="Requests, errors and latencies, for Prometheus.",
        responses=describe_responses(metrics, 421, media="text/plain"),
    )


def _add(
    app: FastAPI,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    good: dict[str, Any],
    statuses: tuple[int, ...] = (421, 503),
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> None:
    """Add a path, with its description in the OpenAPI document."""
    extra = {name: value for name, value in (("requestBody", body), ("parameters", parameters)) if value is not None}
    responses = describe_responses(good, *statuses)
    app.add_api_route(
        path, handler, methods=[method], summary=summary, response_class=Response, responses=responses, openapi_extra=extra
    )


async def _read_upload(request: Request, limits: Limits) -> tuple[bytes, str]:
    """Read body and content type of a request from the messages themselves, at half the cost of Starlette's objects."""
    headers = dict(request.scope["headers"])
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > limits.body:
        raise _refuse_length(limits)
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout(limits.receiving):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "the body breaks off; send it whole")
                chunks.append(message["body"])
                size, more = size + len(message["body"]), message["more_body"]
                if size > limits.body:
                    raise _refuse_length(limits)
    except TimeoutError as error:
        sentence = f"the body did not arrive within {limits.receiving:g} seconds; send it again"
        raise RequestError(408, sentence, {"Connection": "close"}) from error
    return b"".join(chunks), headers.get(b"content-type", b"").decode("latin-1")


def _refuse_length(limits: Limits) -> RequestError:
    return RequestError(413, f"the body has more than {limits.body:,} bytes; send a smaller picture, or fewer")


def _load_page() -> tuple[str, bytes]:
    """Return the page, and a policy that allows exactly its scripts and styles, by hash, and requests to this server alone."""
    page = (files("seesum.server") / "page.html").read_bytes()
    hashes = {}
    for kind in (b"script", b"style"):
        parts = re.findall(rb"<%b>(.*?)</%b>" % (kind, kind), page, re.DOTALL)
        hashes[kind] = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(part).digest()).decode()}'" for part in parts)
    policy = (
        f"default-src 'none'; script-src {hashes[b'script']}; style-src {hashes[b'style']}; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return policy, page


async def _answer_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return Response(error.encode(), error.status, error.headers, JSON)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        sentence = f"there is nothing at {request.url.path[:100]}; /openapi.json lists what there is"
    elif error.status_code == 405:
        sentence = f"{request.method[:20]} is not possible here; /openapi.json lists what is"
    else:
        sentence = str(error.detail)
    return Response(RequestError(error.status_code, sentence).encode(), error.status_code, error.headers, JSON)
