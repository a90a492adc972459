"""What is known of a cluster: one store a kind of object, and which objects must be looked at again after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

Ref = tuple[str, str]
"""A kind, such as "pod", and the key of an object of it."""

Changed = Callable[[Ref], None]


class Known(Protocol):
    """An object as it is kept; equal when no label can differ."""

    def uses(self) -> Iterable[Ref]:
        """Objects of other kinds that its group is made from."""
        ...


class Cluster:
    """Objects by kind and key. A kind that is not watched has no store, and `watches` says so.

    `changed` is called for every object whose group is to be made again: one of the kind `primary` that changed, came
    or went, or that uses, over any number of steps, one that did.
    """

    def __init__(self, primary: str, kinds: Iterable[str], changed: Changed) -> None:
        self._primary, self._changed = primary, changed
        self._stores: dict[str, dict[str, Known]] = {kind: {} for kind in kinds}
        self._users: dict[Ref, set[Ref]] = {}

    def watches(self, kind: str) -> bool:
        return kind in self._stores

    def get(self, kind: str, key: str) -> Known | None:
        return self._stores[kind].get(key) if kind in self._stores else None

    def keys(self, kind: str) -> Iterator[str]:
        return iter(self._stores[kind])

    def put(self, kind: str, key: str, found: Known) -> bool:
        """Takes an object in; says whether it was there before."""
        store = self._stores[kind]
        before = store.get(key)
        if before is None or before != found:
            store[key] = found
            self._relink((kind, key), before, found)
            self._touch((kind, key))
        return before is not None

    def remove(self, kind: str, key: str) -> bool:
        """Lets go of an object; says whether it was there."""
        before = self._stores[kind].pop(key, None)
        if before is not None:
            self._relink((kind, key), before, None)
            self._touch((kind, key))
        return before is not None

    def replace(self, kind: str, found: Mapping[str, Known], namespace: str) -> tuple[int, int, int]:
        """Makes these all objects of a kind (of one namespace, if one is given): how many came, changed and went."""
        store, prefix = self._stores[kind], f"{namespace}/"
        gone = [key for key in store if key not in found and (not namespace or key.startswith(prefix))]
        for key in gone:
            self.remove(kind, key)
        added = updated = 0
        for key, one in found.items():
            if store.get(key) == one:
                continue
            if self.put(kind, key, one):
                updated += 1
            else:
                added += 1
        return added, updated, len(gone)

    def _relink(self, user: Ref, before: Known | None, after: Known | None) -> None:
        old = self._watched_uses(before)
        new = self._watched_uses(after)
        for ref in old - new:
            users = self._users[ref]
            users.discard(user)
            if not users:
                del self._users[ref]
        for ref in new - old:
            self._users.setdefault(ref, set()).add(user)

    def _watched_uses(self, known: Known | None) -> set[Ref]:
        return set() if known is None else {ref for ref in known.uses() if ref[0] in self._stores}

    def _touch(self, ref: Ref) -> None:
        seen, todo = {ref}, [ref]
        while todo:
            one = todo.pop()
            if one[0] == self._primary:
                self._changed(one)
            fresh = self._users.get(one, set()) - seen
            seen |= fresh
            todo += fresh
