"""The command line, a file per command: it parses, calls the verb of the same name, and prints.

Read the files in this order:

- ``options.py``: options that several commands share
- ``output.py``: tables for people, one JSON object for programs
- ``train.py``: the command train
- ``evaluate.py``: the command evaluate
- ``predict.py``: the command predict
- ``calibrate.py``: the command calibrate
- ``show.py``: the command show
- ``report.py``: the command report
- ``export.py``: the command export
- ``study.py``: the command study
- ``reproduce.py``: the command reproduce
- ``compare.py``: the command compare
- ``serve.py``: the command serve
- ``systems.py``: the command systems
- ``app.py``: all commands together, and exit codes

Add a command as a file with a function of its name, and to the list in ``app.py``.
"""
