"""Builds the documentation: `make docs`, pages in `build/docs`.

Formulas become MathML by the converter of docutils itself, which browsers show without a script: the pages load nothing
from anywhere.
"""

import enum

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from privaudit import __version__

project = "privaudit"
author = "the privaudit authors"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["examples"]

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4

highlight_language = "none"  # a block says its language, or has none
default_role = "code"  # docstrings set names in single backticks
autodoc_member_order = "alphabetical"
autodoc_typehints = "none"  # docstrings say shapes and units; ArrayLike alone is three lines of a signature
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"privaudit {release}"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"


def mathml(formula: str, *, as_block: bool) -> str:
    """Convert a formula, with a thin space after functions: browsers set "log p" as "logp" without it."""
    applied = "<mo>&ApplyFunction;</mo>"
    return latex2mathml.tex2mathml(formula, as_block=as_block).replace(applied, f'{applied}<mspace width="0.17em"/>')


def inline_formula(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a line as MathML."""
    self.body.append(mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block_formula(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own as MathML."""
    self.body.append(mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def keep_what_is_called(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave out fields of dataclasses and named tuples, of which the docstring of the class says what they are."""
    return None if what == "module" or callable(obj) or isinstance(obj, property | enum.Enum) else True


def setup(app: Sphinx) -> None:
    """Register the writer of formulas, and what is left out."""
    app.connect("autodoc-skip-member", keep_what_is_called)
    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
