"""Pictures and reports. No file here uses the global state of pyplot.

Read the files in this order:

- ``plots.py``: plots and grids of one run
- ``charts.py``: charts that compare many runs
- ``report_page.py``: the page of a report, as HTML
- ``reports.py``: a finished run -> its pictures and report.html

Add a plot as a function that returns a matplotlib ``Figure``: in ``plots.py`` for one run, in ``charts.py`` for many.
"""
