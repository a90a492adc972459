"""Sends alerts to Alertmanagers over API v2.

In: alerts, the alerting section, target groups. Out: POST requests. Way of an alert: manager (labels, relabelling) ->
endpoint (queue, batches, HTTP), one endpoint an Alertmanager. First file to open: manager.py.
"""

from narthex.notifier.alert import Alert
from narthex.notifier.manager import Notifier, NotifierOptions

__all__ = ["Alert", "Notifier", "NotifierOptions"]
