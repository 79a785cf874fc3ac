"""Counters for Prometheus, in its text format (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets for latencies, in seconds."""
OTHER = "other"
"""The name under which all unknown paths are counted, so that clients cannot create new time series."""


class Counters:
    """Counts requests, errors and latencies since the start. Only the event loop's thread changes the counts."""

    def __init__(self, paths: frozenset[str]) -> None:
        """Count each of ``paths`` on its own, and all other paths together."""
        self.paths = paths
        self.running = 0
        self.requests: dict[tuple[str, int], int] = {}
        self.buckets: dict[str, list[int]] = {}
        self.seconds: dict[str, float] = {}

    def record(self, path: str, status: int, seconds: float) -> None:
        """Count one finished request."""
        path = path if path in self.paths else OTHER
        self.requests[path, status] = self.requests.get((path, status), 0) + 1
        self.buckets.setdefault(path, [0] * (len(BOUNDS) + 1))[bisect_left(BOUNDS, seconds)] += 1
        self.seconds[path] = self.seconds.get(path, 0.0) + seconds

    def format(self) -> str:
        """Return all counts as text."""
        lines = ["# HELP seesum_requests_total Requests answered.", "# TYPE seesum_requests_total counter"]
        lines += [_line("seesum_requests_total", n, path=p, status=s) for (p, s), n in sorted(self.requests.items())]
        lines += ["# HELP seesum_errors_total Requests answered with an error.", "# TYPE seesum_errors_total counter"]
        errors: dict[tuple[str, str], int] = {(path, kind): 0 for path, _ in self.requests for kind in ("client", "server")}
        for (path, status), count in self.requests.items():
            if status >= 400:
                errors[path, "server" if status >= 500 else "client"] += count
        lines += [_line("seesum_errors_total", n, path=p, kind=k) for (p, k), n in sorted(errors.items())]
        lines += ["# HELP seesum_request_seconds Seconds from a request's head to the end of its answer."]
        lines += ["# TYPE seesum_request_seconds histogram"]
        for path, buckets in sorted(self.buckets.items()):
            total = 0
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                lines.append(_line("seesum_request_seconds_bucket", total, path=path, le=bound))
            lines.append(_line("seesum_request_seconds_sum", round(self.seconds[path], 6), path=path))
            lines.append(_line("seesum_request_seconds_count", total, path=path))
        lines += ["# HELP seesum_requests_running Requests that are being answered.", "# TYPE seesum_requests_running gauge"]
        return "\n".join([*lines, f"seesum_requests_running {self.running}"]) + "\n"


def _line(name: str, value: float, **labels: object) -> str:
    pairs = ",".join(f'{key}="{label}"' for key, label in labels.items())
    return f"{name}{{{pairs}}} {value}"
