"""Train a network by a recipe. ``loop.py`` is the training loop, and it uses the files above it. ``sums.py`` gives it sums.

Read the files in this order:

- ``losses.py``: the losses of digit and sum, and how they are combined
- ``optimisers.py``: Adam, AdamW, SGD and Muon
- ``schedules.py``: how the learning rate changes
- ``choosing.py``: which weights a fine-tuned network ends with
- ``state.py``: everything that changes in training, and its checkpoint
- ``distillation.py``: teachers, from which a network learns instead of the labels
- ``tracking.py``: the metrics of each step
- ``evaluating.py``: the metrics after each epoch, and at the end
- ``events.py``: TensorBoard's event files
- ``watching.py``: the user's function, which is told of each epoch, and the log
- ``start.py``: check a recipe and make its run directory
- ``lesson.py``: something else to learn from than labels
- ``loop.py``: the training loop
- ``pairing.py``: images form written additions
- ``pieces.py``: the batches of learning from sums
- ``supervision.py``: the likelihood of what is observed of a sum
- ``scouting.py``: which image shows which digit, roughly, from sums
- ``sums.py``: learn from sums alone

Add a loss, an optimiser, a schedule or a log in the file of that name, as an entry of its dictionary.
"""
