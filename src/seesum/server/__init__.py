"""The HTTP API, and the page on which users draw digits.

Read the files in this order:

- ``limits.py``: limits for requests, and the error for a refused request
- ``uploads.py``: parses request bodies into questions; no other file parses bytes from clients
- ``workers.py``: threads that answer questions
- ``answers.py``: turns questions into replies, in a worker's thread
- ``counters.py``: counts requests, errors and latencies for Prometheus
- ``access.py``: which hosts, origins and paths of requests are allowed
- ``guard.py``: middleware that checks every request, answers HEAD and preflights, and adds headers
- ``contract.py``: the OpenAPI document
- ``adder.py``: describes for the page how the network adds
- ``documents.py``: the page to draw on and the description of the API, with their security policies
- ``app.py``: the application, which maps paths to handlers
- ``connections.py``: one connection, without upgrades and with limits for the head of a request

Add a path in ``app.py``, and describe it in ``contract.py``. The page is ``page.html``, one file without a build step.
"""
