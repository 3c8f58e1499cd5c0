"""How the pages are built: ``python -m sphinx -W --keep-going -j 2 docs docs/_build/html``.

Nothing is fetched: formulas become MathML here instead of loading a script, and links into other
projects' pages are made only where ``DOCS_INTERSPHINX=1`` says that the network is there.
"""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
PICTURES = HERE / "api" / "pictures"
sys.path[:0] = [str(HERE / "_extensions"), str(PICTURES)]

project = "pymc_landscape"
author = "The pymc_landscape developers"
copyright = author
version = release = installed_version("pymc-landscape")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "matplotlib.sphinxext.plot_directive",
    "gallery",
    "mathml",
    "printed_sentences",
    "course",
    "explorers",
    "benchmark_tables",
    "proof_tables",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "jupyter_execute", "_extensions", "gallery/scripts"]
html_math_renderer = "mathml"
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Pages are read, not watched.
os.environ["PYMC_LANDSCAPE_PROGRESSBAR"] = "0"

# Pages run from nothing every time: a picture is never older than the code that draws it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
# Anything on stderr is a warning of the build, an error with -W. Merged streams would hide it.
nb_merge_streams = False
nb_output_stderr = "warn"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"

# A picture of each plot for its page in the reference, all of the same two models, which are fitted once.
plot_basedir = str(PICTURES)
plot_pre_code = "import numpy as np\nimport pymc_landscape as pml\nfrom models_of_pictures import *"
plot_include_source = True
plot_formats = [("png", 110)]
plot_html_show_formats = plot_html_show_source_link = False

# The scripts of ../examples, in the order of the gallery; those not named here come last.
gallery_sections = {
    "What a likelihood is": {
        "least_squares": "Least squares",
        "versus_loss": "−2LL versus loss",
    },
    "Walking on it": {
        "valleys_and_saddles": "Valleys and saddles",
        "local_optima": "Local optima",
        "descent_race": "Descent race",
        "refined_landscape": "Where to look",
        "billion_points": "A billion points",
    },
    "What the data leave possible": {
        "profile_vs_wald": "Profile against Wald",
        "measurement_error": "Measurement error",
        "sleepstudy": "Sleep study",
    },
    "Does it improve the model?": {
        "user_behavior": "User behaviour",
        "wilks": "Wilks' theorem",
    },
    "Likelihood beside posterior": {
        "prior_pull": "Prior pull",
        "eight_schools": "Eight schools",
        "bernstein_von_mises": "Bernstein–von Mises",
    },
    "Pages to walk on, and to hand on": {
        "explorer": "Explorer",
        "report": "Report",
    },
}

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# For all on the reference pages: every parameter named, typed and told, and what comes back.
numpydoc_validation_checks = {
    *("GL01", "GL03", "GL05", "GL06", "GL07", "GL08", "SS01", "SS02", "SS03", "SS06"),
    *("PR01", "PR02", "PR03", "PR04", "PR07", "PR10", "RT01", "RT03", "YD01"),
}
# Methods of an Objective are one line each: their `theta` is told once, with the class. Results are made by verbs:
# their attributes are told, and not the arguments they are made of.
numpydoc_validation_exclude = {
    r"\.__",
    r"\bObjective\.\w+$",
    r"\bFit$",
    r"\bHypothesisTest$",
    r"\bLikelihoodRatioTest$",
    r"\bReport$",
    r"\bExplorer$",
}

if os.environ.get("DOCS_INTERSPHINX") == "1":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "pymc": ("https://www.pymc.io/projects/docs/en/stable", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
    }

html_theme = "pydata_sphinx_theme"
html_title = f"pymc_landscape {release}"
html_static_path = ["_static"]
html_css_files = ["landscape.css"]
# A part has a menu of its pages at the left; these pages are ways into the parts.
without_menu = ["index", "install", "quickstart"]
html_sidebars = {page: [] for page in without_menu}
html_theme_options = {
    "logo": {"text": project},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
