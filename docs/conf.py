"""The configuration of the documentation site; `make docs` builds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from noisewalk import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # cells run `noisewalk`

project = "noisewalk"
author = "the noisewalk authors"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "mathml",
    "registries",
    "streams",
]
exclude_patterns = ["reports", "pictures", "extensions", "static"]

html_theme = "furo"
html_title = "noisewalk"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False

nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_render_image_options = {"alt": "what the code above makes"}
nb_output_stderr = "remove"

default_role = "code"
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "no-value": True}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
copybutton_exclude = ".linenos, .gp, .go"
