"""Mounted file systems: size and free space by statvfs on what /proc/1/mountinfo lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family, Sample

MOUNTS_EXCLUDED = re.compile(r"/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)")
TYPES_EXCLUDED = re.compile(
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|"
    "proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs"
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_GAUGES = (
    ("size_bytes", "Filesystem size in bytes."),
    ("free_bytes", "Filesystem free space in bytes."),
    ("avail_bytes", "Filesystem space available to non-root users in bytes."),
    ("files", "Filesystem total file nodes."),
    ("files_free", "Filesystem total free file nodes."),
    ("readonly", "Filesystem read-only status."),
    ("device_error", "Whether an error occurred while getting statistics for the given device."),
)


def filesystem(paths: Paths) -> Iterator[Family]:
    """A mount that cannot be asked gives device_error 1 with the reason as a label, and nothing else."""
    samples: dict[str, list[Sample]] = {name: [] for name, _ in _GAUGES}
    seen = set()
    for device, mount, kind, options in _mounts(paths):
        if MOUNTS_EXCLUDED.match(mount) or TYPES_EXCLUDED.fullmatch(kind):
            continue
        error, values = "", {}
        try:
            info = os.statvfs(paths.rootfs / mount.lstrip("/"))
        except OSError as e:
            error = e.strerror or str(e)
        else:
            values = {
                "size_bytes": info.f_blocks * info.f_frsize,
                "free_bytes": info.f_bfree * info.f_frsize,
                "avail_bytes": info.f_bavail * info.f_frsize,
                "files": info.f_files,
                "files_free": info.f_ffree,
            }
        labels = (("device", device), ("device_error", error), ("fstype", kind), ("mountpoint", mount))
        if labels in seen:
            continue
        seen.add(labels)
        values |= {"readonly": int("ro" in options), "device_error": int(error != "")}
        for name, value in values.items():
            samples[name].append((f"node_filesystem_{name}", labels, value))
    for name, help_text in _GAUGES:
        yield Family(f"node_filesystem_{name}", help_text, "gauge", samples[name])


def _mounts(paths: Paths) -> Iterator[tuple[str, str, str, list[str]]]:
    """Device, mount point below rootfs, type and options of each mount (proc(5), mountinfo)."""
    try:
        text = paths.proc("1/mountinfo")
    except PermissionError:
        text = paths.proc("self/mountinfo")
    root = str(paths.rootfs).rstrip("/")
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if len(fields) < 6 or len(tail) < 2:
            continue
        mount = _OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[4])
        if root and not (mount == root or mount.startswith(f"{root}/")):
            continue
        device = _OCTAL.sub(lambda m: chr(int(m[1], 8)), tail[1])
        yield device, mount[len(root) :] or "/", tail[0], fields[5].split(",")
