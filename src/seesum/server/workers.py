"""Threads that answer questions, so that the event loop never waits. What waits together is worked on together.

No request waits for company: a worker takes what is there. At concurrency 1 a batch has one picture; under load it grows by
itself, and the network, the threads and the event loop are woken once for many.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seesum.server.limits import Limits, Refusal, make_busy
from seesum.server.uploads import Question

Questions = Sequence[Question]
"""Of one request."""
Reply = bytes | Refusal
"""JSON of an answer, or why there is none."""


@dataclass(eq=False)
class Job:
    """The questions of one request."""

    questions: Questions
    future: asyncio.Future[list[Reply]]
    until: float
    """On the monotonic clock: when nobody waits for it any more."""

    @property
    def quick(self) -> bool:
        """Whether it may share a worker's turn."""
        return all(question.quick for question in self.questions)


class Workers:
    """A pool of threads between the event loop and the network."""

    def __init__(self, answer: Callable[[list[Questions]], list[list[Reply]]], limits: Limits) -> None:
        """Start the threads.

        Args:
            answer: requests -> a reply for each of their questions; called in the threads.
            limits: how many threads, how much may wait, how much goes together.
        """
        self.answer, self.limits = answer, limits
        self.pictures = 0
        """Waiting or worked on; only the event loop changes it."""
        self.jobs: deque[Job] = deque()
        self.changed = threading.Condition(threading.Lock())
        self.closed = False
        self.threads = [threading.Thread(target=self._run, name=f"worker {k}", daemon=True) for k in range(limits.threads)]
        for thread in self.threads:
            thread.start()

    async def ask(self, questions: Questions) -> list[Reply]:
        """Replies to questions, once a worker has them.

        Raises:
            Refusal: 503 when too much waits already, or the answer takes too long.
        """
        count = len(questions)
        if self.pictures + count > self.limits.waiting:
            raise make_busy()
        loop = asyncio.get_running_loop()
        job = Job(questions, loop.create_future(), time.monotonic() + self.limits.answering)
        self.pictures += count
        job.future.add_done_callback(lambda _: self._release(count))
        with self.changed:
            self.jobs.append(job)
            self.changed.notify()
        timer = loop.call_later(self.limits.answering, _give_up, job)
        try:
            return await job.future
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the threads after the work that they have."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()

    def _release(self, count: int) -> None:
        self.pictures -= count

    def _run(self) -> None:
        while jobs := self._take():
            try:
                replies = self.answer([job.questions for job in jobs])
            except Exception:
                logging.getLogger(__name__).exception("questions could not be answered")
                failed = Refusal(500, "the server failed to answer; its log says why")
                replies = [[failed] * len(job.questions) for job in jobs]
            jobs[0].future.get_loop().call_soon_threadsafe(_deliver, list(zip(jobs, replies, strict=True)))

    def _take(self) -> list[Job]:
        """The next jobs, as many as go together; none when the pool is closed and all is done."""
        with self.changed:
            while True:
                while self.jobs and (self.jobs[0].future.done() or self.jobs[0].until < time.monotonic()):
                    self.jobs.popleft()
                if self.jobs or self.closed:
                    break
                self.changed.wait()
            if not self.jobs:
                return []
            jobs = [self.jobs.popleft()]
            room = self.limits.together - len(jobs[0].questions)
            while jobs[0].quick and self.jobs and self.jobs[0].quick and len(self.jobs[0].questions) <= room:
                room -= len(self.jobs[0].questions)
                jobs.append(self.jobs.popleft())
            return jobs


def _deliver(done: list[tuple[Job, list[Reply]]]) -> None:
    for job, replies in done:
        if not job.future.done():
            job.future.set_result(replies)


def _give_up(job: Job) -> None:
    if not job.future.done():
        job.future.set_exception(make_busy())
