"""Who is there: one file a mechanism, all give target groups.

In: discovery sections of jobs and Alertmanager sets. Out: for each set, its target groups whenever they change.
First file to open: manager.py, then provider.py (the contract of a mechanism).
"""

from narthex.discovery.manager import DiscoveryManager
from narthex.discovery.metrics import DiscoveryMetrics

__all__ = ["DiscoveryManager", "DiscoveryMetrics"]
