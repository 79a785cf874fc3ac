"""What one can do, a function per verb. The command line calls these functions, and so do users of Python.

Read the files in this order:

- ``train.py``: train a system
- ``evaluate.py``: measure a run
- ``predict.py``: answer pictures or test images
- ``calibrate.py``: set temperature and confidence threshold
- ``show.py``: draw samples or a learned table
- ``report.py``: write a run's report
- ``export.py``: write an ONNX file
- ``study.py``: one recipe, several seeds
- ``reproduce.py``: published systems as published
- ``compare.py``: one encoder, every adder
- ``serve.py``: a page to draw on, and an HTTP API
- ``systems.py``: list the systems

Add a verb as a file with a function of its name, its name in ``seesum/__init__.py``, and a command in ``cli/``.
"""
