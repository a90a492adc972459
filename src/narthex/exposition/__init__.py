"""Exposition formats: what a scrape offers and which reader the answer wants.

In: configured protocols and a Content-Type. Out: the Accept header and a format. The readers themselves are compiled
(`native.ScrapeCache`). First file to open: negotiation.py.
"""

from narthex.exposition.negotiation import Format, accept_header, choose_format

__all__ = ["Format", "accept_header", "choose_format"]
