"""Makers of random but well-formed input, shared by property and differential tests."""
