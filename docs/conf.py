"""Settings of Sphinx. `tox run -e docs` builds the site from the pages of this folder and the docstrings."""

from reference_impl import __version__

project = "reference_impl"
author = "The reference_impl founders"
copyright = "2026, The reference_impl founders"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
html_theme = "furo"
html_title = f"reference_impl {release}"

# Links to headings work on the site as they do on GitHub.
myst_heading_anchors = 4

# The notebook is kept without outputs, and run here: an error in a cell is an error of the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give shapes and units
# Our adapter asks Keras for its engine when it is imported, which a mock cannot answer.
autodoc_mock_imports = ["jax", "keras", "reference_impl.backends.keras", "torch"]
numpydoc_show_class_members = False
default_role = "code"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_js_files = [("tables.js", {"defer": "defer"})]


def keep_formulas(app, what, name, thing, options, lines):
    """Keep the line breaks of formulas: the indented blocks before a docstring's first section."""
    sections = next((number for number, line in enumerate(lines) if line.startswith("---")), len(lines))
    for number in reversed(range(1, sections)):
        if lines[number].startswith("    ") and not lines[number - 1]:
            lines[number:number] = ["::", ""]


def setup(app):
    app.connect("autodoc-process-docstring", keep_formulas, priority=1)
