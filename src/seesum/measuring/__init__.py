"""Measure the accuracy of a network and calibrate its confidence.

Read the files in this order:

- ``metrics.py``: accuracy, loss, calibration error, confusion, intervals
- ``calibration.py``: temperature, coverage and the confidence threshold
- ``pictures.py``: accuracy on people's own pictures, and the mistakes
- ``evaluation.py``: predict with every addend, and compute the metrics

Add a metric in ``metrics.py``, under a name that ``metrics.json`` can keep.
"""
