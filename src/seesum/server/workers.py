"""Answer questions in threads, so that they never block the event loop. Waiting questions are answered in batches.

A worker never delays a question to fill a batch. It takes the questions that wait at the moment. With one client, a batch has
one picture. Under load, batches grow by themselves. Then the network, the threads and the event loop wake up only once for many
pictures.
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
"""An answer as JSON, or an error."""


@dataclass(eq=False)
class Job:
    """The questions of one request, and a future for their replies."""

    questions: Questions
    future: asyncio.Future[list[Reply]]


class Workers:
    """Two lanes with one thread each, between the event loop and the network.

    Quick questions have their own lane, so a large picture never delays small ones. More threads in a lane would only wait for
    Python's global lock. With two threads for quick questions, the server needed a tenth more processor time.
    """

    def __init__(self, answer: Callable[[list[Questions]], list[list[Reply]]], limits: Limits) -> None:
        """Start the threads.

        Args:
            answer: takes requests and returns a reply for each of their questions. It is called in the threads.
            limits: limits for the queue, the batches and the time to answer.
        """
        self.limits = limits
        self.pictures = 0
        """Number of pictures that wait or are being answered. Only the event loop changes it."""
        self.quick, self.slow = _Lane("quick", answer, limits.together), _Lane("slow", answer, 1)

    async def ask(self, questions: Questions) -> list[Reply]:
        """Wait for a worker to answer the questions, and return its replies.

        Raises:
            RequestError: 503 if too many pictures are waiting, or the answer takes too long.
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
        """Wait until the threads have finished their jobs, and end them."""
        for lane in (self.quick, self.slow):
            lane.close()


class _Lane:
    """One thread and its queue of jobs."""

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
        while jobs := self._take_jobs():
            pending = [job for job in jobs if not job.future.done()]
            if not pending:
                continue
            try:
                replies = self.answer([job.questions for job in pending])
            except Exception:
                logging.getLogger(__name__).exception("questions could not be answered")
                failed = RequestError(500, "the server failed to answer; see its log for the reason")
                replies = [[failed] * len(job.questions) for job in pending]
            answered = list(zip(pending, replies, strict=True))
            jobs[0].future.get_loop().call_soon_threadsafe(_deliver, answered)

    def _take_jobs(self) -> list[Job]:
        """Wait for the next jobs, and return as many as may be answered together. An empty list means the end."""
        jobs = []
        job = self.jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self.together or self.jobs.empty():
                return jobs
            job = self.jobs.get()
        if jobs:
            self.put(None)  # the next call gets this None and ends the thread
        return jobs


def _deliver(answered: list[tuple[Job, list[Reply]]]) -> None:
    for job, replies in answered:
        if not job.future.done():
            job.future.set_result(replies)


def _give_up(job: Job) -> None:
    if not job.future.done():
        job.future.set_exception(make_busy())
