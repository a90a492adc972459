"""asyncio task groups with names, cancellation and error reports."""
