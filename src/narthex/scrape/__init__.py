"""Fetches targets on time and appends what they say.

In: ScrapeConfig, target groups of discovery, an Appendable. Out: samples, staleness markers, report series; the state
of targets for the API. manager.py holds a pool for each job, pool.py a loop for each target, loop.py scrapes on time:
fetch.py brings the body, transaction.py turns it into one append. First file to open: loop.py.
"""

from narthex.scrape.manager import Manager
from narthex.scrape.target import DroppedTarget, FamilyMetadata, Health, Target

__all__ = ["DroppedTarget", "FamilyMetadata", "Health", "Manager", "Target"]
