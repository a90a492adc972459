"""asyncio tasks with names, supervision and a clean end: `Tasks` in supervised.py."""

from narthex.tasks.supervised import Tasks

__all__ = ["Tasks"]
