"""The push gateway."""
