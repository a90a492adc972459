"""Recording and alerting rules on time.

In: rule files, an evaluation function, an Appendable. Out: samples, and alerts for the notifier. Way of a rule:
loader -> spec -> group (when) -> recording or alerting (what) -> appending (where). First file to open: manager.py.
"""

from narthex.rules.contract import Sample, Vector
from narthex.rules.loader import load_rule_files
from narthex.rules.manager import Manager, ManagerOptions
from narthex.rules.spec import GroupSpec, RuleSpec
from narthex.rules.views import AlertView, GroupView, RuleView

__all__ = [
    "AlertView",
    "GroupSpec",
    "GroupView",
    "Manager",
    "ManagerOptions",
    "RuleSpec",
    "RuleView",
    "Sample",
    "Vector",
    "load_rule_files",
]
