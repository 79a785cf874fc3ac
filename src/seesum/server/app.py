"""The application: its paths and their handlers."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import seesum
from seesum.base.errors import InputError
from seesum.reading.reader import Reader
from seesum.server.access import Access
from seesum.server.answers import Answerer
from seesum.server.contract import describe_answer, describe_explained, describe_request, describe_responses
from seesum.server.counters import Counters
from seesum.server.documents import Document, describe_api, load_page
from seesum.server.guard import Guard
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import GZIP, Question, parse_question, parse_questions, refuse_compression
from seesum.server.workers import Workers

JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"
REFUSALS = (400, 408, 413, 415, 421, 422, 503)
"""HTTP statuses with which a question may be refused."""

Handler = Callable[[Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A path whose handler gets the request unparsed. Parsing by FastAPI would cost more than the network does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint unchanged."""
        return self.endpoint


def build_app(reader: Reader, about: dict[str, Any], limits: Limits | None = None, access: Access | None = None) -> FastAPI:
    """Build the application for a reader. Its worker threads start here and end when the application shuts down.

    Args:
        reader: answers the questions.
        about: the JSON of GET /adder, as ``adder.describe_adder`` returns it.
        limits: limits for requests; None for the defaults.
        access: which hosts and origins are allowed, and the path in front of the server's own; None for this machine alone.

    Raises:
        InputError: the path in front is a path of the server itself.
    """
    limits, access = limits or Limits(), access or Access()
    workers = Workers(Answerer(reader, limits), limits)

    @asynccontextmanager
    async def end_workers(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="seesum",
        version=seesum.__version__,
        summary="See a digit, say the sum.",
        docs_url=None,  # FastAPI's page would load scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # Starlette would name host and scheme, which a proxy changes; the guard redirects
        servers=[{"url": access.root_path}] if access.root_path else None,
        lifespan=end_workers,
    )
    app.router.route_class = DirectRoute
    _add_questions(app, workers, limits, reader)
    counters = Counters(frozenset())
    _add_facts(app, about, counters)
    counters.paths = frozenset(path for route in app.routes if (path := getattr(route, "path", None)))
    if access.root_path in counters.paths:
        workers.close()
        raise InputError(f"the root path {access.root_path} is a path of the server itself; give another, such as /seesum")
    app.add_exception_handler(RequestError, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_middleware(Guard, counters=counters, limits=limits, access=access, network=about["network"])
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
            raise RequestError(422, "the parameter saliency must be true or false")
        body, content_type = await _read_upload(request, limits)
        return await ask(parse_question(body, content_type, True, wanted == "true"))

    async def predict_batch(request: Request) -> Response:
        body, content_type = await _read_upload(request, limits)
        replies = await workers.ask(parse_questions(body, content_type, limits.batch))
        encoded = [reply.encode() if isinstance(reply, RequestError) else reply for reply in replies]
        return Response(b'{"answers": [' + b", ".join(encoded) + b"]}", media_type=JSON)

    answers_or_errors = {"type": "array", "items": {"anyOf": [answer, {"type": "object", "required": ["error"]}]}}
    answers = {"type": "object", "required": ["answers"], "properties": {"answers": answers_or_errors}}
    saliency = {"name": "saliency", "in": "query", "schema": {"type": "boolean", "default": False}}
    summary = "Predict the digit in a picture, and its sum with an addend."
    _add(app, "POST", "/predict", predict, summary, answer, REFUSALS, describe_request())
    summary = f"Predict digit and sum for up to {limits.batch} pictures. Each gets an answer or an error."
    _add(app, "POST", "/predict/batch", predict_batch, summary, answers, REFUSALS, describe_request(limits.batch))
    summary = "Like /predict, but also return the network's input image and, if requested, a saliency map."
    explained = describe_explained(answer)
    _add(app, "POST", "/explain", explain, summary, explained, REFUSALS, describe_request(), [saliency])


def _add_facts(app: FastAPI, about: dict[str, Any], counters: Counters) -> None:
    page = load_page()
    adder = json.dumps(about).encode()
    network = {name: about[name] for name in ("system", "adder", "operation", "network")}
    version = json.dumps({"seesum": seesum.__version__, "python": platform.python_version(), **network}).encode()

    async def show_page(_: Request) -> Response:
        return _answer_document(page)

    async def show_api(_: Request) -> Response:
        return _answer_document(describe_once())

    @cache
    def describe_once() -> Document:
        return describe_api(app.openapi())

    async def check_health(_: Request) -> Response:
        return Response(b'{"status": "ok"}', media_type=JSON)

    async def tell_version(_: Request) -> Response:
        return Response(version, media_type=JSON)

    async def tell_adder(_: Request) -> Response:
        return Response(adder, media_type=JSON)

    async def show_metrics(_: Request) -> Response:
        return Response(counters.format(), media_type=TEXT)

    any_object = {"type": "object"}
    app.add_api_route("/", show_page, methods=["GET"], include_in_schema=False)
    app.add_api_route("/docs", show_api, methods=["GET"], include_in_schema=False)
    _add(app, "GET", "/health", check_health, "Check that the server is running.", any_object)
    _add(app, "GET", "/version", tell_version, "Show the versions of the software, and which network answers.", any_object)
    _add(app, "GET", "/adder", tell_adder, "Show how the network adds: its operation, and its table if it has one.", any_object)
    metrics = {"type": "string"}
    app.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        response_class=Response,
        summary="Show counts of requests, errors and latencies, in the text format of Prometheus.",
        responses=describe_responses(metrics, 421, media="text/plain"),
    )


def _add(
    app: FastAPI,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    schema: dict[str, Any],
    statuses: tuple[int, ...] = (421, 503),
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> None:
    """Add a path, and describe it in the OpenAPI document."""
    extra = {name: value for name, value in (("requestBody", body), ("parameters", parameters)) if value is not None}
    responses = describe_responses(schema, *statuses)
    app.add_api_route(
        path, handler, methods=[method], summary=summary, response_class=Response, responses=responses, openapi_extra=extra
    )


async def _read_upload(request: Request, limits: Limits) -> tuple[bytes, str]:
    """Return body and content type of a request. Reading the ASGI messages costs half as much as using Starlette's objects."""
    headers = dict(request.scope["headers"])
    coding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if coding not in ("", "identity"):
        raise refuse_compression(f" (Content-Encoding: {coding[:20]})")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > limits.body:
        raise _refuse_length(limits)
    chunks, size, more = [], 0, True
    try:
        async with asyncio.timeout(limits.receiving):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "the body is incomplete; send the whole body")
                chunks.append(message["body"])
                size, more = size + len(message["body"]), message["more_body"]
                if size > limits.body:
                    raise _refuse_length(limits)
    except TimeoutError as error:
        sentence = f"the body did not arrive within {limits.receiving:g} seconds; send the request again"
        raise RequestError(408, sentence, {"Connection": "close"}) from error
    body = b"".join(chunks)
    if body.startswith(GZIP):
        raise refuse_compression()
    return body, headers.get(b"content-type", b"").decode("latin-1")


def _refuse_length(limits: Limits) -> RequestError:
    return RequestError(413, f"the body has more than {limits.body:,} bytes; send smaller or fewer pictures")


def _answer_document(document: Document) -> Response:
    policy, page = document
    return Response(page, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy})


async def _answer_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return Response(error.encode(), error.status, error.headers, JSON)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        sentence = f"the path {request.url.path[:100]} does not exist; /openapi.json lists the paths of the API"
    elif error.status_code == 405:
        sentence = f"{request.method[:20]} is not possible for this path; /openapi.json lists the methods of each path"
    else:
        sentence = str(error.detail)
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    return Response(RequestError(error.status_code, sentence).encode(), error.status_code, headers, JSON)
