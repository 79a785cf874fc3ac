"""From any picture to an answer. Only ``own_loop.py`` and ``exporting.py`` need torch to be imported.

Read the files in this order:

- ``pictures.py``: what counts as a picture: paths, bytes, files, arrays, tensors, lists
- ``headers.py``: how large a picture is, from the first bytes of its file
- ``processes.py``: a process that decodes pictures and can be killed
- ``opening.py``: opens a picture's file within limits
- ``decoding.py``: any of these -> colours; the only place that decodes pictures
- ``opencv.py``: OpenCV, and nothing that it leaves behind
- ``segmentation.py``: which pixels are ink: illumination, threshold, connected parts
- ``lines.py``: ink without the ruled lines of its paper
- ``groups.py``: strokes that belong to one digit
- ``candidates.py``: what a candidate is: ink that may be a digit
- ``rims.py``: ink along the rim: a digit that was cut close, or the edge of a desk
- ``location.py``: a picture -> candidates: ink that may be a digit, searched on any paper
- ``plain.py``: the same at once, where the paper is plain
- ``cutout.py``: one candidate -> the strokes of its digit, at one size
- ``widths.py``: strokes as wide as MNIST's
- ``preprocessing.py``: all of these steps: a picture -> the 28x28 that a network expects
- ``drawings.py``: the strokes of a drawing -> the 28x28, without a search for a digit
- ``worker.py``: what that other process does: decode and prepare
- ``onnx_graph.py``: what is in an ONNX file, before ONNX Runtime reads it
- ``onnx_model.py``: a network in an ONNX file, answered by ONNX Runtime
- ``answer.py``: Answer: what a network says about one picture and one addend
- ``reader.py``: Reader: pictures and addends -> answers
- ``labelled.py``: pictures whose digits are known: in folders 0 to 9, or listed in a CSV
- ``prepared_cache.py``: prepared pictures in the user's cache
- ``preparing.py``: many pictures -> prepared, in parallel
- ``datasets.py``: own data in any form -> a Dataset; the verbs load all their images here
- ``own_loop.py``: samples as a torch data set, and networks as torch modules, for a training loop of your own
- ``judging.py``: pictures with known digits -> answers beside the truth
- ``exporting.py``: a trained network -> an ONNX file

Add a step of the preparation in the file of its subject, and to ``STEPS`` in ``benchmarks/ways.py``.
``benchmarks/photos.py`` measures what it is worth.
"""
