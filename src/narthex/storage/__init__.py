"""Contracts between those who bring samples, those who keep them and those who ask for them. No implementation.

First file to open: contract.py.
"""
