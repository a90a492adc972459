"""Discovery of AWS: one file a service; provider.py knows which service a section wants, api.py how they are asked."""
