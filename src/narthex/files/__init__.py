"""Durable file operations: atomic replace, fsync, locks, mapped buffers."""
