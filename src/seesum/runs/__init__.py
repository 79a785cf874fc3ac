"""Read and write run directories, find the run that a user names, and record how it was made.

Read the files in this order:

- ``names.py``: the words by which a user names runs
- ``shipped.py``: the networks that come with the package
- ``schemas.py``: the shapes of a run's JSON files
- ``images.py``: the images of a run, and no others
- ``weights.py``: the weights of a file, put into a network
- ``curves.py``: the figure of a run: curves of its training, and answers
- ``run.py``: a run directory: recipe, weights, metrics, calibration
- ``creation.py``: a new run directory
- ``starts.py``: the network that a training starts from, and the recipe that fine-tunes it
- ``provenance.py``: versions, hardware, commit, and the command that makes a run again

Add a file of a run directory as a property of ``Run`` in ``run.py``.
"""
