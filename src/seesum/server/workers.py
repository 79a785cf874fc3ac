"""Answer questions in threads, so that they never block the event loop.

Quick questions need no preparation. One thread answers those that wait together, so that the network, the thread and the event
loop wake up only once for many pictures. It never waits for more of them to fill a batch.

The pictures of all other questions are prepared by processes that can be killed, one picture at a time. So a decoder that
hangs, or takes much time, holds up neither the event loop nor the quick questions.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from seesum.reading.preprocessing import Prepared
from seesum.reading.processes import DecodingProcess
from seesum.server.limits import Limits, RequestError, make_busy
from seesum.server.uploads import Question

Questions = Sequence[Question]
"""The questions of one request."""
Reply = bytes | RequestError
"""An answer as JSON, or an error."""

SHORT, LONG = 0.02, 0.15
"""Estimated seconds of the pictures that a process takes at most: the first process only takes drawings and small pictures, the
last one takes all, and those between them take pictures that are not suspiciously slow. So each kind finds a process soon, and
only the last one holds a picture of 25 million pixels."""
PATIENCE = 10.0
"""A picture of s seconds counts as if it had arrived this times the root of s later. So small ones go first, and no large one
waits for ever."""


class Answering(Protocol):
    """What answers the questions, in the threads."""

    def is_quick(self, question: Question) -> bool:
        """Return whether the picture probably needs no preparation."""
        ...

    def answer_quick(self, questions: Questions) -> list[Reply | None]:
        """Answer pictures that need no preparation; None for a picture that needs one."""
        ...

    def estimate(self, question: Question) -> float:
        """Estimate the processor time of a question, in seconds."""
        ...

    def prepare(self, question: Question, pixels: int, process: DecodingProcess) -> tuple[Prepared | RequestError, int]:
        """Prepare a picture of at most so many pixels, and return how many it has, too."""
        ...

    def answer(self, questions: Questions, prepared: Sequence[Prepared | RequestError]) -> list[Reply]:
        """Answer prepared pictures."""
        ...


@dataclass(eq=False)
class Job:
    """The questions of one request, how far they are, and a future for their replies."""

    questions: Questions
    future: asyncio.Future[list[Reply]]
    pixels: int
    """How many pixels its next pictures may have."""
    prepared: list[Prepared | RequestError] = field(default_factory=list)
    arrived: float = field(default_factory=time.monotonic)
    spent: float = 0.0
    """Seconds that its pictures have taken so far."""
    cost: float = 0.0
    """Estimated seconds of its next picture."""

    @property
    def order(self) -> float:
        """The job with the lowest order is next."""
        return self.arrived + PATIENCE * math.sqrt(self.spent + self.cost)


class Workers:
    """The threads and processes between the event loop and the network."""

    def __init__(self, answerer: Answering, limits: Limits) -> None:
        """Start the threads. A process starts with its first picture.

        Args:
            answerer: answers the questions.
            limits: limits for the queue, the pictures and the time to answer.
        """
        self.answerer, self.limits = answerer, limits
        self.pictures = 0
        """Number of pictures that wait or are being answered. Only the event loop changes it."""
        self._quick, self._slow = _QuickLane(self), _Queue()
        self._processes = [DecodingProcess() for _ in range(limits.processes)]
        self._threads = [
            threading.Thread(target=self._prepare_jobs, args=(process, most), daemon=True)
            for process, most in zip(self._processes, list_limits(limits.processes), strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def start(self) -> None:
        """Start the process for small pictures now, so that the first drawing does not wait for it."""
        self._processes[0].start()

    async def ask(self, questions: Questions) -> list[Reply]:
        """Wait for the answers to the questions of one request. If this is cancelled, work on them ends.

        Raises:
            RequestError: 503 if too many pictures are waiting, or the answer takes too long.
        """
        count = len(questions)
        if self.pictures + count > self.limits.waiting:
            raise make_busy()
        loop = asyncio.get_running_loop()
        job = Job(questions, loop.create_future(), self.limits.pixels)
        self.pictures += count
        timer = loop.call_later(self.limits.answering + count * self.limits.each, _give_up, job, make_busy())
        try:
            if count == 1 and self.answerer.is_quick(questions[0]):
                self._quick.put(job)
            else:
                self.queue(job)
            return await job.future
        finally:
            timer.cancel()
            self._slow.drop(job)
            self.pictures -= count

    def queue(self, job: Job) -> None:
        """Queue a job for the preparation of its next picture."""
        job.cost = self.answerer.estimate(job.questions[len(job.prepared)])
        self._slow.put(job)

    def close(self) -> None:
        """Wait until the threads have finished the pictures that wait, and end them and the processes."""
        self._quick.close()
        self._slow.close()
        for thread, process in zip(self._threads, self._processes, strict=True):
            thread.join()
            process.close()

    def _prepare_jobs(self, process: DecodingProcess, most: float) -> None:
        """Prepare pictures of at most so many estimated seconds, and answer requests whose pictures are all prepared."""
        while (job := self._slow.take(most)) is not None:
            if job.future.done():
                continue
            question, started = job.questions[len(job.prepared)], time.monotonic()
            try:
                prepared, pixels = self.answerer.prepare(question, job.pixels, process)
                job.prepared.append(prepared)
                job.pixels -= pixels
                job.spent += time.monotonic() - started
                if len(job.prepared) < len(job.questions):
                    self.queue(job)
                    continue
                replies = self.answerer.answer(job.questions, job.prepared)
            except Exception:
                replies = fail([job])[0]
            deliver([(job, replies)])


class _QuickLane:
    """One thread for quick questions, and the queue of its jobs.

    More threads would only wait for Python's global lock. With two, the server needed a tenth more processor time.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.put = self.jobs.put
        self.thread = threading.Thread(target=self._run, name="quick questions", daemon=True)
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
                replies = self.workers.answerer.answer_quick([job.questions[0] for job in pending])
            except Exception:
                replies = [one for (one,) in fail(pending)]
            for job, reply in zip(pending, replies, strict=True):
                if reply is None:
                    self.workers.queue(job)
            deliver([(job, [reply]) for job, reply in zip(pending, replies, strict=True) if reply is not None])

    def _take_jobs(self) -> list[Job]:
        """Wait for the next jobs, and return as many as may be answered together. An empty list means the end."""
        jobs = []
        job = self.jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self.workers.limits.together or self.jobs.empty():
                return jobs
            job = self.jobs.get()
        if jobs:
            self.put(None)  # the next call gets this None and ends the thread
        return jobs


class _Queue:
    """Jobs whose pictures wait to be prepared."""

    def __init__(self) -> None:
        self.jobs: dict[Job, None] = {}
        self.changed = threading.Condition()
        self.closed = False

    def put(self, job: Job) -> None:
        with self.changed:
            self.jobs[job] = None
            self.changed.notify_all()

    def drop(self, job: Job) -> None:
        """Remove a job if it still waits."""
        with self.changed:
            self.jobs.pop(job, None)

    def take(self, most: float) -> Job | None:
        """Wait for a job whose next picture takes at most so many seconds, and return the first one in order.

        None means the end.
        """
        with self.changed:
            while True:
                waiting = [job for job in self.jobs if job.cost <= most]
                if waiting:
                    job = min(waiting, key=lambda one: one.order)
                    del self.jobs[job]
                    return job
                if self.closed:
                    return None
                self.changed.wait()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def list_limits(processes: int) -> list[float]:
    """Return for each process the estimated seconds of the pictures that it takes at most."""
    return [SHORT, *[LONG] * (processes - 2), math.inf][-processes:]


def fail(jobs: list[Job]) -> list[list[Reply]]:
    """Log the current exception, and return an error for each question of the jobs."""
    logging.getLogger(__name__).exception("questions could not be answered")
    failed = RequestError(500, "the server failed to answer; see its log for the reason")
    return [[failed] * len(job.questions) for job in jobs]


def deliver(answered: list[tuple[Job, list[Reply]]]) -> None:
    """Deliver replies from a thread to the event loop."""
    if answered:
        with suppress(RuntimeError):  # the loop was closed, so nobody waits
            answered[0][0].future.get_loop().call_soon_threadsafe(_set_results, answered)


def _set_results(answered: list[tuple[Job, list[Reply]]]) -> None:
    for job, replies in answered:
        if not job.future.done():
            job.future.set_result(replies)


def _give_up(job: Job, error: RequestError) -> None:
    if not job.future.done():
        job.future.set_exception(error)
