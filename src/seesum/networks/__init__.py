"""The networks: encoders, adders, and the systems that join them with a recipe.

Read the files in this order:

- ``contract.py``: what an encoder gives, what an adder does, what a network answers
- ``columns.py``: how many digits the sum of written numbers has
- ``addition.py``: add numbers whose digits are uncertain, exactly; learn from sums alone
- ``addition_numpy.py``: the same without torch, and the most probable sums
- ``tables.py``: adders that learn the table of the operation
- ``adders.py``: all other adders, and the registry of adders
- ``network.py``: an encoder, a digit head and an adder as one module; its layers as a table
- ``modules.py``: modules that users bring, as encoders and as whole networks
- ``system.py``: what a system is: an encoder, a recipe and its results
- ``blocks.py``: layers that encoders are built from
- ``systems/``: the systems, one file each, and their registry
- ``plugins.py``: what users bring gets a name in the registries
- ``weights/``: the trained networks that come with the package

Add a built-in system as a file in ``systems/``, with its name in ``systems/__init__.py``, and a built-in adder in
``adders.py``. Users add theirs with ``seesum.register`` or as entry points, without a change here.
"""
