"""How good a network is, and how far its confidence can be relied on.

Read the files in this order:

- ``metrics.py``: probabilities and truth -> accuracy, loss, calibration error, confusion, intervals
- ``calibration.py``: temperature, coverage and the confidence threshold
- ``evaluation.py``: a network and images -> probabilities with every addend, and their metrics

Add a metric in ``metrics.py``, under a name that ``metrics.json`` can keep.
"""
