"""Read and write run directories, find the run that a user names, and record how it was made.

Read the files in this order:

- ``names.py``: the words by which a user names runs
- ``schemas.py``: the shapes of a run's JSON files
- ``run.py``: a run directory: recipe, weights, metrics, calibration
- ``creation.py``: a new run directory
- ``provenance.py``: versions, hardware, commit, and the command that makes a run again

Add a file of a run directory as a property of ``Run`` in ``run.py``.
"""
