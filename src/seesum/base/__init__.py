"""The base of all other folders: recipes, errors, files, devices, progress and the look of pictures.

Read the files in this order:

- ``errors.py``: the two errors that a user sees
- ``environment.py``: what torch and ONNX Runtime are told before they are imported
- ``references.py``: ``file.py:NAME`` and ``package.module:NAME``: import what a user names
- ``registry.py``: entries by name: built in, registered, or of installed packages
- ``compatibility.py``: the names of earlier formats; nothing else knows them
- ``schema.py``: whether values out of a file have the right types
- ``recipe.py``: Recipe and Augmentation: everything that decides which weights come out
- ``settings.py``: changes of a recipe as text, and which fields have an option
- ``locks.py``: locks that end with their process
- ``files.py``: files that are written whole or not at all, and checked when read
- ``devices.py``: CPU, CUDA or MPS; fp32 or bf16
- ``interrupts.py``: Ctrl-C during imports; TERM and HUP in training
- ``progress.py``: a live bar on a terminal, one line in a notebook, plain lines elsewhere
- ``markup.py``: tables of HTML
- ``style.py``: the look of all pictures: colours, fonts, sizes

Add a field of a recipe in ``recipe.py``. Its default must leave older runs as they were. A field that gets another name goes
into the table of ``compatibility.py``, with a new format number.
"""
