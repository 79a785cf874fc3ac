"""What a network is shown: images and digits, addends and answers, batches.

Read the files in this order:

- ``mnist/``: the four files of MNIST, and their licence
- ``embedded.py``: these files, decompressed; the user's cache
- ``orientation.py``: how images lie: black on white, transposed, upside down
- ``idx.py``: IDX files -> a Dataset of labelled images; the only place that parses them
- ``glyphs.py``: the shapes of digits and of other figures, as points through which a pen goes
- ``rendering.py``: glyphs -> synthetic images as MNIST makes them
- ``formulas.py``: formulas of d and a, read and computed without running their text
- ``operations.py``: addition and other operations; pairs that training never shows
- ``samples.py``: images with addends and answers
- ``splits.py``: training, validation and test images
- ``arrays.py``: arrays, tensors, dictionaries and torch datasets -> a Dataset
- ``sources.py``: every form in which own data may come, and CSV and npz files
- ``augmentation.py``: random changes of training images
- ``batches.py``: samples -> shuffled, augmented, normalised batches on a device

Add a form of own data to ``SOURCES`` in ``sources.py``, an operation in ``operations.py``, a way to draw addends in
``samples.py``, a shape in ``glyphs.py``, a random change in ``augmentation.py`` with its field in ``base/recipe.py``.
"""
