"""What a network is shown: images and digits, addends and answers, batches.

Read the files in this order:

- ``mnist/``: the four files of MNIST, and their licence
- ``orientation.py``: how images lie: black on white, transposed, upside down
- ``idx.py``: IDX files -> a Dataset of labelled images; the only place that parses them
- ``glyphs.py``: the shapes of digits and of other figures, as points through which a pen goes
- ``rendering.py``: glyphs -> synthetic images as MNIST makes them
- ``operations.py``: addition and other operations; pairs that training never shows
- ``samples.py``: images with addends and answers
- ``splits.py``: training, validation and test images
- ``augmentation.py``: random changes of training images
- ``batches.py``: samples -> shuffled, augmented, normalised batches on a device

Add an operation in ``operations.py``, a way to draw addends in ``samples.py``, a shape in ``glyphs.py``, a random change in
``augmentation.py`` with its field in ``base/recipe.py``.
"""
