"""Plots and reports. No file here uses the global state of pyplot.

Read the files in this order:

- ``plots.py``: plots and grids of one run
- ``mistakes.py``: the contact sheet of wrong answers
- ``labels.py``: texts beside the points of a chart
- ``charts.py``: charts that compare many runs
- ``adding.py``: two pictures for beginners: how probabilities are added, and what each adder gets right
- ``sums_page.py``: the part of a report about learning from sums
- ``report_page.py``: the HTML page of a report
- ``reports.py``: the pictures and ``report.html`` of a finished run

Add a plot as a function that returns a matplotlib ``Figure``. Put it into ``plots.py`` if it shows one run, and into
``charts.py`` if it compares many. Decorate it with ``@house_style()``, and take its colours from ``base/style.py``.
"""
