"""Answer questions in threads, so that the event loop never waits. Questions that wait together are answered together.

No request waits for others: a worker takes what is there. With one client a batch has one picture. Under load it grows by
itself, and the network, the threads and the event loop are woken once for many pictures.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from seesum.server.limits import Limits, RequestError, make_busy
from seesum.server.uploads import Question

Questions = Sequence[Question]
"""The questions of one request."""
Reply = bytes | RequestError
"""An answer as JSON, or why there is none."""


@dataclass(eq=False)
class Job:
    """The questions of one request, and the future for their replies."""

    questions: Questions
    future: asyncio.Future[list[Reply]]


class Workers:
    """Two lanes, a thread each, between the event loop and the network.

    Quick questions have a lane of their own, so a large picture never delays small ones. More threads in a lane would only take
    turns at Python's lock: with two for quick questions the server needed a tenth more processor time.
    """

    def __init__(self, answer: Callable[[list[Questions]], list[list[Reply]]], limits: Limits) -> None:
        """Start the threads.

        Args:
            answer: requests -> a reply for each of their questions; called in the threads.
            limits: how many may wait, and how many go together.
        """
        self.limits = limits
        self.pictures = 0
        """Pictures that wait or are being answered. Only the event loop changes it."""
        self.quick, self.slow = _Lane("quick", answer, limits.together), _Lane("slow", answer, 1)

    async def ask(self, questions: Questions) -> list[Reply]:
        """Return the replies to questions, once a worker has them.

        Raises:
            RequestError: 503 when too many wait already, or the answer takes too long.
        """
        count = len(questions)
        if self.pictures + count > self.limits.waiting:
            raise make_busy()
        loop = asyncio.get_running_loop()
        job = Job(questions, loop.create_future())
        self.pictures += count
        timer = loop.call_later(self.limits.answering + count * self.limits.each, _give_up, job)
        try:
            (self.quick if count == 1 and questions[0].quick else self.slow).put(job)
            return await job.future
        finally:
            timer.cancel()
            self.pictures -= count

    def close(self) -> None:
        """End the threads after their current work."""
        for lane in (self.quick, self.slow):
            lane.close()


class _Lane:
    """One thread, and the jobs that wait for it."""

    def __init__(self, name: str, answer: Callable[[list[Questions]], list[list[Reply]]], together: int) -> None:
        self.answer, self.together = answer, together
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.put = self.jobs.put
        self.thread = threading.Thread(target=self._run, name=f"{name} questions", daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.put(None)
        self.thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            waited_for = [job for job in jobs if not job.future.done()]
            if not waited_for:
                continue
            try:
                replies = self.answer([job.questions for job in waited_for])
            except Exception:
                logging.getLogger(__name__).exception("questions could not be answered")
                failed = RequestError(500, "the server failed to answer; its log says why")
                replies = [[failed] * len(job.questions) for job in waited_for]
            done = list(zip(waited_for, replies, strict=True))
            jobs[0].future.get_loop().call_soon_threadsafe(_deliver, done)

    def _take(self) -> list[Job]:
        """Return the next jobs, as many as go together; none at the end."""
        jobs = []
        more = self.jobs.get()
        while more is not None:
            jobs.append(more)
            if len(jobs) == self.together or self.jobs.empty():
                return jobs
            more = self.jobs.get()
        if jobs:
            self.put(None)  # the end comes after these
        return jobs


def _deliver(done: list[tuple[Job, list[Reply]]]) -> None:
    for job, replies in done:
        if not job.future.done():
            job.future.set_result(replies)


def _give_up(job: Job) -> None:
    if not job.future.done():
        job.future.set_exception(make_busy())
