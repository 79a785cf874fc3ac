"""Many runs and what they show together.

Read the files in this order:

- ``seeds.py``: one recipe with several seeds: mean, standard deviation, interval
- ``tables.py``: rows of results in CSV files
- ``reproductions.py``: published figures beside what is reached here
- ``comparisons.py``: one encoder with every adder

Add another question as a file of its own that turns a ``Study`` into rows.
"""
