"""HTTP client and server options: TLS, auth, proxies, redirects.

In: configuration sections. Out: sessions and listeners.
"""
