"""OpenCV, imported here and nowhere else: its loader leaves ``LD_LIBRARY_PATH`` in the environment, which is taken back."""

from __future__ import annotations

from seesum.base.environment import undo_import_effects

with undo_import_effects():
    import cv2

__all__ = ["cv2"]
