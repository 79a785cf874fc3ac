"""The application: its paths and their handlers."""

from __future__ import annotations

import asyncio
import base64
import json
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import seesum
from seesum.base.errors import InputError
from seesum.data.operations import find_operation
from seesum.reading.reader import Reader
from seesum.server.access import Access
from seesum.server.answers import Answerer
from seesum.server.bodies import Bodies
from seesum.server.contract import (
    describe_answer,
    describe_choice,
    describe_drawing,
    describe_explained,
    describe_request,
    describe_responses,
    draw_example,
)
from seesum.server.counters import Counters
from seesum.server.documents import Document, describe_api, load_page
from seesum.server.guard import Guard
from seesum.server.limits import Limits, RequestError, make_busy
from seesum.server.networks import OWN, Networks
from seesum.server.uploads import Question, parse_drawing, parse_question, parse_questions
from seesum.server.workers import Reply, Workers

JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"
DRAWING = 2**20
"""Bytes that a drawing may have at most. The page sends two or three thousand."""
ALWAYS = (400, 401, 421, 431)
"""HTTP statuses with which any request may be refused."""
REFUSALS = (*ALWAYS, 403, 408, 413, 415, 422, 503)
"""HTTP statuses with which a question may be refused."""
READY = 2.0
"""Seconds in which a ready server answers a small picture."""

Handler = Callable[[Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A path whose handler gets the request unparsed. Parsing by FastAPI would cost more than the network does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint unchanged."""
        return self.endpoint


def build_app(
    reader: Reader, about: dict[str, Any], limits: Limits | None = None, access: Access | None = None, own: str = OWN
) -> FastAPI:
    """Build the application for a reader. Its worker threads start here and end when the application shuts down.

    Args:
        reader: answers the questions.
        about: the JSON of GET /adder, as ``adder.describe_adder`` returns it.
        limits: limits for requests; None for the defaults.
        access: which hosts and origins are allowed, and the path in front of the server's own; None for this machine alone.
        own: the name of the reader's network, if it is a shipped one.

    Raises:
        InputError: the path in front is a path of the server itself.
    """
    limits, access = limits or Limits(), access or Access()
    networks = Networks(reader, about, own)
    workers = Workers(Answerer(networks.readers, limits), limits)

    @asynccontextmanager
    async def run_workers(_: FastAPI) -> AsyncIterator[None]:
        workers.start()
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
        lifespan=run_workers,
    )
    app.router.route_class = DirectRoute
    _add_questions(app, workers, limits, networks)
    counters = Counters(frozenset())
    _add_facts(app, about, networks, counters)
    counters.paths = frozenset(path for route in app.routes if (path := getattr(route, "path", None)))
    if access.root_path in counters.paths:
        workers.close()
        raise InputError(f"the root path {access.root_path} is a path of the server itself; give another, such as /seesum")
    app.add_exception_handler(RequestError, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_middleware(Guard, counters=counters, access=access, network=about["network"])
    return app


def _add_questions(app: FastAPI, workers: Workers, limits: Limits, networks: Networks) -> None:
    answer = _describe_answers(networks)
    bodies = Bodies(limits)

    async def ask(request: Request, questions: list[Question]) -> list[Reply]:
        if network := await _find_network(request, networks):
            questions = [replace(question, network=network) for question in questions]
        return await workers.ask(questions)

    async def ask_one(request: Request, question: Question) -> Response:
        (reply,) = await ask(request, [question])
        if isinstance(reply, RequestError):
            raise reply
        return Response(reply, media_type=JSON)

    async def predict(request: Request) -> Response:
        return await ask_one(request, parse_question(*await bodies.receive(request)))

    async def explain(request: Request) -> Response:
        saliency = _wants_saliency(request)
        return await ask_one(request, parse_question(*await bodies.receive(request), True, saliency))

    example = draw_example()
    probe = Question(base64.b64decode(example["image"]), example["add"])

    async def check_readiness(_: Request) -> Response:
        try:
            async with asyncio.timeout(READY):
                (reply,) = await workers.ask([probe])
        except TimeoutError as error:
            raise make_busy() from error
        if isinstance(reply, RequestError):
            raise reply
        return Response(b'{"status": "ready"}', media_type=JSON)

    async def read_strokes(request: Request) -> Response:
        saliency = _wants_saliency(request)
        return await ask_one(request, parse_drawing(*await bodies.receive(request, DRAWING), saliency))

    async def predict_batch(request: Request) -> Response:
        body, content_type = await bodies.receive(request)
        replies = await ask(request, parse_questions(body, content_type, limits.batch))
        encoded = [reply.encode() if isinstance(reply, RequestError) else reply for reply in replies]
        return Response(b'{"answers": [' + b", ".join(encoded) + b"]}", media_type=JSON)

    ready = "Check that the server answers questions: it answers one. Status 503 if it does not within two seconds."
    _add(app, "GET", "/ready", check_readiness, ready, {"type": "object"}, (*ALWAYS, 503))
    answers_or_errors = {"type": "array", "items": {"anyOf": [answer, {"type": "object", "required": ["error"]}]}}
    answers = {"type": "object", "required": ["answers"], "properties": {"answers": answers_or_errors}}
    saliency = {"name": "saliency", "in": "query", "schema": {"type": "boolean", "default": False}}
    choice, explained = describe_choice(networks.shipped), describe_explained(answer)
    summary = "Predict the digit in a picture, and its sum with an addend."
    _add(app, "POST", "/predict", predict, summary, answer, REFUSALS, describe_request(), [choice])
    summary = f"Predict digit and sum for up to {limits.batch} pictures. Each gets an answer or an error."
    _add(app, "POST", "/predict/batch", predict_batch, summary, answers, REFUSALS, describe_request(limits.batch), [choice])
    summary = "Like /predict, but also return the network's input image and, if requested, a saliency map."
    _add(app, "POST", "/explain", explain, summary, explained, REFUSALS, describe_request(), [saliency, choice])
    summary = "Like /explain, for a drawing given as the strokes of its pen. This is quicker, since no digit has to be found."
    _add(app, "POST", "/strokes", read_strokes, summary, explained, REFUSALS, describe_drawing(), [saliency, choice])


def _add_facts(app: FastAPI, about: dict[str, Any], networks: Networks, counters: Counters) -> None:
    page = load_page()
    listed = json.dumps(networks.describe()).encode()
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

    async def tell_adder(request: Request) -> Response:
        return Response(networks.adders[await _find_network(request, networks)], media_type=JSON)

    async def list_networks(_: Request) -> Response:
        return Response(listed, media_type=JSON)

    async def show_metrics(_: Request) -> Response:
        return Response(counters.format(), media_type=TEXT)

    any_object = {"type": "object"}
    app.add_api_route("/", show_page, methods=["GET"], include_in_schema=False)
    app.add_api_route("/docs", show_api, methods=["GET"], include_in_schema=False)
    _add(app, "GET", "/health", check_health, "Check that the server is running.", any_object)
    _add(app, "GET", "/version", tell_version, "Show the versions of the software, and which network answers.", any_object)
    summary = "Show how the network adds: its operation, and its table if it has one."
    choice = [describe_choice(networks.shipped)]
    _add(app, "GET", "/adder", tell_adder, summary, any_object, (*ALWAYS, 422, 503), parameters=choice)
    summary = "List the server's own network, and the shipped ones that requests can name."
    _add(app, "GET", "/networks", list_networks, summary, any_object)
    metrics = {"type": "string"}
    app.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        response_class=Response,
        summary="Show counts of requests, errors and latencies, in the text format of Prometheus.",
        responses=describe_responses(metrics, *ALWAYS, media="text/plain"),
    )


def _add(
    app: FastAPI,
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    schema: dict[str, Any],
    statuses: tuple[int, ...] = ALWAYS,
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> None:
    """Add a path, and describe it in the OpenAPI document."""
    extra = {name: value for name, value in (("requestBody", body), ("parameters", parameters)) if value is not None}
    responses = describe_responses(schema, *statuses)
    app.add_api_route(
        path, handler, methods=[method], summary=summary, response_class=Response, responses=responses, openapi_extra=extra
    )


def _describe_answers(networks: Networks) -> dict[str, Any]:
    operation = networks.readers[OWN].operation
    others = {find_operation(recipe.operation).num_classes for recipe in networks.shipped.values()}
    return describe_answer(operation, others)


async def _find_network(request: Request, networks: Networks) -> str:
    """Return the key of the network that a request names. Most requests name none, so this is quick then."""
    name = request.query_params.get("network") if request.scope["query_string"] else None
    return OWN if name is None else await networks.find(name)


def _wants_saliency(request: Request) -> bool:
    wanted = request.query_params.get("saliency", "false")
    if wanted not in ("true", "false"):
        raise RequestError(422, "the parameter saliency must be true or false")
    return wanted == "true"


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
