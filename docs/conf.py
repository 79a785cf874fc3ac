"""Settings of the documentation site. Build it with ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import seesum
from seesum.base.style import DARK, LIGHT

project = "seesum"
author = "The seesum developers"
release = version = seesum.__version__
copyright = author

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "generated_reference",
    "links",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
"""Each notebook runs whenever its page is built, so no page shows what an older version printed."""
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

smartquotes = False  # a dash before an option must stay two hyphens
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "seesum"
html_static_path = ["_static"]
html_css_files = ["seesum.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": LIGHT["sum"],
        "color-brand-content": LIGHT["digit"],
        "color-brand-visited": LIGHT["digit"],
        "color-background-primary": LIGHT["card"],
        "color-background-secondary": LIGHT["paper"],
    },
    "dark_css_variables": {
        "color-brand-primary": DARK["sum"],
        "color-brand-content": DARK["digit"],
        "color-brand-visited": DARK["digit"],
        "color-background-primary": DARK["card"],
        "color-background-secondary": DARK["paper"],
    },
}
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_exclude = ".linenos, .gp, .go"
