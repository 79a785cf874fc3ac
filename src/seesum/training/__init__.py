"""Train a network by a recipe. ``loop.py`` is the training loop, and it uses the other files.

Read the files in this order:

- ``losses.py``: the losses of digit and sum, and how they are combined
- ``optimisers.py``: Adam, AdamW, SGD and Muon
- ``schedules.py``: how the learning rate changes
- ``state.py``: everything that changes in training, and its checkpoint
- ``distillation.py``: teachers, from which a network learns instead of the labels
- ``tracking.py``: the metrics of each step
- ``start.py``: check a recipe and make its run directory
- ``loop.py``: the training loop

Add a loss, an optimiser or a schedule in the file of that name, as an entry of its dictionary.
"""
