"""Fetches targets on time and appends what they say."""
