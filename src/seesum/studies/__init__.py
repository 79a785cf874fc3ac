"""Compare many runs: seeds of one recipe, published systems, adders.

Read the files in this order:

- ``seeds.py``: one recipe with several seeds; mean, standard deviation and interval of each metric
- ``tables.py``: CSV files of results
- ``reproductions.py``: published figures beside reproduced ones
- ``comparisons.py``: the same encoder with every adder

Add another comparison as a file that turns a ``Study`` into rows.
"""
