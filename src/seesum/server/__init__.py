"""The HTTP API, and the page to draw on.

Read the files in this order:

- ``limits.py``: bounds on requests, and how a request is refused
- ``uploads.py``: the body of a request -> questions; the only place that parses clients' bytes
- ``workers.py``: threads that answer questions
- ``answers.py``: questions -> replies, in a worker's thread
- ``counters.py``: requests, errors and latencies, for Prometheus
- ``guard.py``: what every request passes first: host, room, headers
- ``contract.py``: the OpenAPI document
- ``adder.py``: how the network adds, for the page
- ``app.py``: which path is answered by what
- ``connections.py``: one connection, with bounds on a request's head

Add a path in ``app.py`` and its description in ``contract.py``. The page is ``page.html``, one file without a build step.
"""
