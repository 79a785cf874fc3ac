"""The HTTP API and the page to draw on. Reading order: limits, uploads, workers, counters, guard, contract, app."""
