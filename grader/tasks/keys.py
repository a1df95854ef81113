"""Secret-keyed choices: which items are held out, and seeds, all derived from one key by HMAC-SHA256 (RFC 2104)."""

import hashlib
import hmac
from collections.abc import Sequence

DEFAULT_KEY = "self-check"


def rank(key: str, purpose: str, item: str) -> bytes:
    """A number that orders items unpredictably for whoever lacks the key."""
    return hmac.new(key.encode(), f"{purpose}\0{item}".encode(), hashlib.sha256).digest()


def choose(key: str, purpose: str, items: Sequence[str], *, count: int) -> list[int]:
    """Positions of ``count`` items in increasing order. Equal items are told apart by their position."""
    ranked = sorted(range(len(items)), key=lambda i: rank(key, purpose, f"{items[i]}\0{i}"))
    return sorted(ranked[:count])


def seed(key: str, purpose: str) -> int:
    """A 64-bit seed."""
    return int.from_bytes(rank(key, purpose, "seed")[:8], "big")
