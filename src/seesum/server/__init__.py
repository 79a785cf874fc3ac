"""The HTTP API, and the page on which users draw digits.

Read the files in this order:

- ``limits.py``: limits for requests, and the error for a refused request
- ``uploads.py``: parses request bodies into questions; no other file parses bytes from clients
- ``bodies.py``: receives bodies, with limits for each and for the memory of all
- ``workers.py``: threads that answer questions, and processes that prepare their pictures
- ``answers.py``: turns questions into replies, in a worker's thread
- ``counters.py``: counts requests, errors and latencies for Prometheus
- ``access.py``: which hosts, origins, tokens and paths of requests are allowed
- ``guard.py``: middleware that checks every request, answers HEAD and preflights, and adds headers
- ``contract.py``: the OpenAPI document
- ``adder.py``: describes for the page how the network adds
- ``networks.py``: the server's own network, and the shipped ones that requests can name
- ``documents.py``: the page to draw on and the description of the API, with their security policies
- ``app.py``: the application, which maps paths to handlers
- ``protocol.py``: HTTP/1.1 without upgrades, for requests that name one host
- ``crowd.py``: all connections, with bounds on their number and an end for those that make no progress
- ``connections.py``: one connection, with limits for what a client sends and for how long the server waits for it

Add a path in ``app.py``, and describe it in ``contract.py``. The page is ``page.html``, one file without a build step.
"""
