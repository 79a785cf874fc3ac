"""The public functions of the package, called verbs. The command line calls them, and so do Python users.

Read the files in this order:

- ``train.py``: train a system and evaluate it
- ``sums.py``: learn to read digits from the sums of numbers alone
- ``evaluate.py``: compute the metrics of a run
- ``predict.py``: answer pictures or random test images
- ``calibrate.py``: set the temperature and the confidence threshold of a run
- ``show.py``: draw samples or a learned table
- ``report.py``: write the report of a run
- ``export.py``: write an ONNX file
- ``study.py``: train one recipe with several seeds
- ``reproduce.py``: train published systems as published
- ``compare.py``: train one encoder with every adder
- ``serve.py``: serve a page to draw on and an HTTP API
- ``systems.py``: list the systems
- ``check.py``: prove an installation

Add a verb as a file with a function of the same name. Add the name to ``seesum/__init__.py`` and a command to ``cli/``.
"""
