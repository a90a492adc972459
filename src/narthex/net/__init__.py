"""HTTP client and server options: TLS, auth, proxies, redirects.

In: configuration sections. Out: sessions and listeners. First file to open: client.py.
Cloud accounts: aws_signer.py signs requests with keys from aws_credentials.py; azure_auth.py and google_auth.py send
tokens.
"""

from narthex.net.client import HTTPClient, Signer, explain

__all__ = ["HTTPClient", "Signer", "explain"]
