"""The command line. Each command parses its options, calls the verb of the same name, and prints the result.

Read the files in this order:

- ``completion.py``: what the Tab key completes in a shell, and how that is installed
- ``help.py``: how ``--help`` looks: groups of commands, and examples
- ``options.py``: options that several commands share
- ``output.py``: print tables for people and JSON for programs
- ``train.py``: the command train
- ``sums.py``: the command sums
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
- ``check.py``: the command check
- ``app.py``: the program ``seesum``, with all commands and the exit codes

Add a command as a file with a function of the same name, and add the function to ``GROUPS`` in ``app.py``. End its docstring
with examples, which a test runs.
"""
