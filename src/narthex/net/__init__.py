"""HTTP client and server options: TLS, auth, proxies, redirects.

In: configuration sections. Out: sessions and listeners. First file to open: client.py.
"""

from narthex.net.client import HTTPClient, explain

__all__ = ["HTTPClient", "explain"]
