"""Seeded orders of rows. They follow from the seed and a purpose alone, whatever else is drawn, and stay the same with every NumPy."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

__all__ = ["permutation", "stream"]


def stream(seed: int, purpose: str) -> np.random.Philox:
    """A counter-based generator keyed by `seed` and `purpose`."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return np.random.Philox(key=np.frombuffer(digest, dtype="<u8").astype(np.uint64))


def permutation(seed: int, purpose: str, n: int) -> Any:
    """A random order of 0 … n-1, an int64 array of shape [n].

    The raw numbers of the generator are sorted: NumPy keeps their stream fixed, which it does not promise for `permutation`.
    """
    return np.argsort(stream(seed, purpose).random_raw(n), kind="stable").astype(np.int64)
