"""RFC 6962, sections 2.1 to 2.1.2, word for word: an independent implementation to agree with.

Entry n is the decimal number n as text. Prints a line of JSON for each size up to the one given:
the root, and proofs of inclusion and consistency for the indices and old sizes that are told apart
by `picked`.
"""

import hashlib
import json
import sys
from functools import lru_cache


def sha256(data):
    return hashlib.sha256(data).digest()


def split(n):
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@lru_cache(maxsize=None)
def mth(low, high):
    """The Merkle Tree Hash of the entries from low to before high."""
    n = high - low
    if n == 0:
        return sha256(b"")
    if n == 1:
        return sha256(b"\x00" + str(low).encode())
    k = split(n)
    return sha256(b"\x01" + mth(low, low + k) + mth(low + k, high))


def path(m, low, high):
    n = high - low
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return path(m, low, low + k) + [mth(low + k, high)]
    return path(m - k, low + k, high) + [mth(low, low + k)]


def subproof(m, low, high, whole):
    n = high - low
    if m == n:
        return [] if whole else [mth(low, high)]
    k = split(n)
    if m <= k:
        return subproof(m, low, low + k, whole) + [mth(low + k, high)]
    return subproof(m - k, low + k, high, False) + [mth(low, low + k)]


def picked(size):
    """All numbers below a small size; of a large one the ends, the place of the split and others."""
    if size <= 32:
        return list(range(size))
    k = split(size)
    ends = [0, 1, k - 1, k, k + 1, size - 2, size - 1]
    others = [(n * 7919 + size) % size for n in range(6)]
    return sorted({n for n in ends + others if n < size})


for size in range(int(sys.argv[1]) + 1):
    inclusion = {m: [h.hex() for h in path(m, 0, size)] for m in picked(size)}
    consistency = {
        m: [h.hex() for h in subproof(m, 0, size, True)] for m in picked(size) + [size] if m > 0
    }
    line = {"size": size, "root": mth(0, size).hex(), "inclusion": inclusion, "consistency": consistency}
    print(json.dumps(line))
