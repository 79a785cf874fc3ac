"""server/workers.py: a bound on what waits, a limited wait, small pictures first, and workers that survive a failure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from seesum.reading.preprocessing import Prepared
from seesum.reading.processes import DecodingProcess
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question
from seesum.server.workers import Questions, Reply, Workers

QUICK, SLOW = Question(b"quick", 1), Question(b"slow", 1)


class Answers:
    """Answers without pictures or processes: quick ones by ``act``, and slow ones as fast as ``preparing`` says."""

    def __init__(
        self,
        act: Callable[[], object] = lambda: None,
        preparing: Callable[[Question], object] = lambda _: None,
        each: float = 0.1,
    ) -> None:
        self.act, self.preparing, self.each = act, preparing, each
        self.prepared: list[Question] = []
        """The questions whose pictures were prepared, in order."""

    def is_quick(self, question: Question) -> bool:
        return question.picture in (b"quick", b"perhaps")

    def estimate(self, question: Question) -> float:
        return question.addend * self.each

    def answer_quick(self, questions: Questions) -> list[Reply | None]:
        self.act()
        return [b"{}" if question.picture == b"quick" else None for question in questions]

    def prepare(self, question: Question, pixels: int, _: DecodingProcess) -> tuple[Prepared | RequestError, int]:
        self.preparing(question)
        self.prepared.append(question)
        return (Prepared(np.zeros((28, 28), np.uint8)) if pixels >= 100 else RequestError(422, "too many pixels")), 100

    def answer(self, questions: Questions, prepared: Sequence[Prepared | RequestError]) -> list[Reply]:
        return [
            one if isinstance(one, RequestError) else b'{"add": %d}' % question.addend
            for question, one in zip(questions, prepared, strict=True)
        ]


def test_beyond_its_bound_the_queue_says_come_back() -> None:
    go = threading.Event()

    async def fill() -> list[list[Reply]]:
        workers = Workers(Answers(lambda: go.wait(10)), Limits(waiting=3))
        tasks = [asyncio.create_task(workers.ask([QUICK])) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as refused:
            await workers.ask([QUICK])
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        go.set()
        done = await asyncio.gather(*tasks)
        assert await workers.ask([SLOW] * 3) == [b'{"add": 1}'] * 3, "room again"
        workers.close()
        return done

    assert asyncio.run(fill()) == [[b"{}"]] * 3


@pytest.mark.parametrize("question", [QUICK, SLOW], ids=["quick", "slow"])
def test_what_waits_too_long_is_given_up_and_a_failure_kills_no_worker(
    question: Question, caplog: pytest.LogCaptureFixture
) -> None:
    calls, go = iter([True, False]), threading.Event()

    def act(*_: object) -> None:
        hangs = next(calls, None)
        if hangs is None:
            raise RuntimeError("broken")
        if hangs:
            go.wait(10)

    async def wait() -> None:
        workers = Workers(Answers(act, act), Limits(answering=0.7, each=0.0, processes=2))
        with pytest.raises(RequestError) as refused:
            await workers.ask([question])
        assert refused.value.status == 503
        go.set()
        assert await workers.ask([question]) in ([b"{}"], [b'{"add": 1}'])
        for _ in range(2):
            (reply,) = await workers.ask([question])
            assert isinstance(reply, RequestError)
            assert reply.status == 500
        workers.close()

    asyncio.run(wait())
    assert "broken" in caplog.text


def test_a_quick_question_that_needs_preparation_gets_it() -> None:
    async def ask() -> list[list[Reply]]:
        workers = Workers(Answers(), Limits())
        pictures = [QUICK, Question(b"perhaps", 7), QUICK]
        done = await asyncio.gather(*(workers.ask([picture]) for picture in pictures))
        workers.close()
        return done

    assert asyncio.run(ask()) == [[b"{}"], [b'{"add": 7}'], [b"{}"]]


def test_small_pictures_go_first_and_a_batch_lets_others_between() -> None:
    go, pause = threading.Event(), threading.Event()
    answers = Answers(preparing=lambda _: (go.wait(10), pause.wait(0.01)))

    async def ask() -> None:
        workers = Workers(answers, Limits(processes=1))
        first = asyncio.create_task(workers.ask([Question(b"", 0)]))
        await asyncio.sleep(0.1)  # it is in work when the others come
        batch = [Question(b"", add) for add in (2, 2, 1, 2)]
        others = [[Question(b"", 3)], batch, [SLOW], [Question(b"", 2, explain=True)]]
        tasks = [asyncio.create_task(workers.ask(questions)) for questions in others]
        await asyncio.sleep(0.1)
        go.set()
        await asyncio.gather(first, *tasks)
        workers.close()

    asyncio.run(ask())
    assert [question.addend for question in answers.prepared][:3] == [0, 1, 2]
    assert answers.prepared[3].explain, "after a picture of the batch, somebody else has the turn"
    assert [question.addend for question in answers.prepared][4:] == [2, 1, 2, 3]


def test_each_kind_of_picture_finds_a_process() -> None:
    """However many large pictures come, others are answered; and however many of those come, small ones are."""
    go = threading.Event()

    def prepare(question: Question) -> None:
        if question.addend > 5:
            go.wait(10)

    async def ask() -> None:
        workers = Workers(Answers(preparing=prepare, each=0.02), Limits(processes=3))
        blocking = [asyncio.create_task(workers.ask([Question(b"", 20)])) for _ in range(6)]
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(workers.ask([Question(b"", 5)]), 2) == [b'{"add": 5}']
        blocking += [asyncio.create_task(workers.ask([Question(b"", 9)])) for _ in range(6)]
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(workers.ask([Question(b"", 0)]), 2) == [b'{"add": 0}']
        assert not any(task.done() for task in blocking)
        go.set()
        await asyncio.gather(*blocking)
        workers.close()

    asyncio.run(ask())


@pytest.mark.parametrize("how", ["the client goes", "the time ends"])
def test_a_batch_for_which_nobody_waits_ends(how: str) -> None:
    answers = Answers(preparing=lambda _: time.sleep(0.01))

    async def ask() -> None:
        workers = Workers(answers, Limits(answering=0.1 if how == "the time ends" else 20, each=0.0))
        task = asyncio.create_task(workers.ask([SLOW] * 250))
        await asyncio.sleep(0.1)
        if how == "the client goes":  # then the connection cancels the task of its request
            task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if how == "the client goes":
            assert isinstance(outcome, asyncio.CancelledError)
        else:
            assert isinstance(outcome, RequestError)
            assert outcome.status == 503
        assert workers.pictures == 0
        assert await asyncio.wait_for(workers.ask([SLOW]), 1) == [b'{"add": 1}']
        workers.close()

    asyncio.run(ask())
    assert 1 < len(answers.prepared) < 60


def test_replies_keep_their_order_and_share_their_pixels() -> None:
    async def ask() -> list[list[Reply]]:
        workers = Workers(Answers(), Limits(pixels=350))
        done = await asyncio.gather(*(workers.ask([Question(b"", add) for add in range(k, k + 5)]) for k in range(5)))
        workers.close()
        return done

    for k, replies in enumerate(asyncio.run(ask())):
        assert replies[:3] == [b'{"add": %d}' % add for add in range(k, k + 3)]
        assert all(isinstance(reply, RequestError) for reply in replies[3:])
