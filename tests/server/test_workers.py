"""server/workers.py: a bound on what waits, a limited wait, and workers that survive a failure."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question
from seesum.server.workers import Questions, Reply, Workers


def test_beyond_its_bound_the_queue_says_come_back() -> None:
    started, go = threading.Event(), threading.Event()

    def answer(requests: list[Questions]) -> list[list[Reply]]:
        started.set()
        go.wait(10)
        return [[b"{}" for _ in questions] for questions in requests]

    async def fill() -> list[list[Reply]]:
        workers = Workers(answer, Limits(waiting=3))
        question = Question(b"", 1)
        tasks = [asyncio.create_task(workers.ask([question])) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as refused:
            await workers.ask([question])
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        go.set()
        done = await asyncio.gather(*tasks)
        assert await workers.ask([question] * 3) == [b"{}"] * 3, "room again"
        workers.close()
        return done

    assert asyncio.run(fill()) == [[b"{}"]] * 3


def test_what_waits_too_long_is_given_up_and_a_failure_kills_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    calls = iter([0.3, 0.0])

    def answer(requests: list[Questions]) -> list[list[Reply]]:
        pause = next(calls, None)
        if pause is None:
            raise RuntimeError("broken")
        time.sleep(pause)
        return [[b"{}"]] * len(requests)

    async def wait() -> None:
        workers = Workers(answer, Limits(answering=0.1, each=0.0))
        with pytest.raises(RequestError):
            await workers.ask([Question(b"", 1)])
        await asyncio.sleep(0.3)
        assert await workers.ask([Question(b"", 1)]) == [b"{}"]
        for _ in range(2):
            (reply,) = await workers.ask([Question(b"", 1)])
            assert isinstance(reply, RequestError)
            assert reply.status == 500
        workers.close()

    asyncio.run(wait())
    assert "broken" in caplog.text
