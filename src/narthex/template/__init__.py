"""Go's text/template, evaluated in Python. In: template text and data. Out: expanded text.

Way of a text: lexer -> parser -> nodes -> evaluator. Values follow Go's kinds (values.py) and print as Go's fmt does
(printing.py). Prometheus' functions are in functions.py; Alertmanager brings a table of its own. First file to open:
template.py.
"""

from narthex.template.library import Limits
from narthex.template.template import TemplateSet
from narthex.template.values import AnyMap, Function, HtmlText, Struct

__all__ = ["AnyMap", "Function", "HtmlText", "Limits", "Struct", "TemplateSet"]
