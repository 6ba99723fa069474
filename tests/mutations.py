"""Specifications with something wrong in them: lines and words moved about, trees reshaped, bytes turned over."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

WORDS = [
    "[]",
    "{}",
    "null",
    "~",
    "''",
    "on",
    "012",
    "1:30",
    "x",
    "Order",
    "order",
    "-5",
    "99999999999999999999",
    "{a: b}",
    "[a]",
    "'",
    '"',
    ": ",
    "- ",
    "#",
    "*a",
    "&a x",
    "!x y",
    "{list: list}",
    "{optional: {list: Order}}",
    "rejection",
    "item",
    "item.x",
    "Order.total",
    "id",
    "state",
    "sum(lines)",
    "size(1)",
    "a = b",
    "not not 1",
    "pivot",
    "none",
    "7d",
    "5%",
    "800/s",
    "é",
    "\t",
    "{type: int}",
    "[[a]]",
    "{? a : b}",
    "true",
]


def mutated(text: str, random_: random.Random) -> str:
    lines = text.splitlines()
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(lines))
        kind = random_.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[random_.randrange(len(lines))])
        elif kind == 2:
            lines[at] = " " * random_.randrange(8) + lines[at].lstrip()
        elif kind == 3:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {random_.choice(WORDS)}"
        elif kind == 4:
            words = lines[at].split(" ")
            words[random_.randrange(len(words))] = random_.choice(WORDS)
            lines[at] = " ".join(words)
        else:
            cut = random_.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + random_.choice(WORDS) + lines[at][cut + random_.randrange(3) :]
        if not lines:
            lines = [""]
    return "\n".join(lines) + "\n"


def reshaped(text: str, random_: random.Random) -> str:
    """The same tree as JSON, which is YAML, with parts removed, replaced, renamed or moved."""
    data = YAML(typ="safe", pure=True).load(text)
    for _ in range(random_.randint(1, 4)):
        holder, key = random_.choice(list(parts(data)))
        kind = random_.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = random_.choice([None, [], {}, "", "x", 1, True, [[]], {"a": "b"}, *WORDS])
        elif kind == 2:
            other, there = random_.choice(list(parts(data)))
            holder[key] = json.loads(json.dumps(other[there]))
        elif isinstance(holder, dict):
            value = holder.pop(key)
            holder[random_.choice(["id", "name", key + "x", key[1:], key.upper(), *WORDS])] = value
        if not data:
            break
    return json.dumps(data, indent=1)


def parts(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from parts(value)


def scrambled(text: str, random_: random.Random) -> bytes:
    """Bytes flipped, cut out, doubled or put in, anywhere."""
    data = bytearray(text.encode())
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(data) + 1)
        end = min(len(data), at + random_.randint(1, 12))
        kind = random_.randrange(4)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = data[at:end]
        else:
            data[at:at] = random_.choice(
                [b"\x00", b"\xff", b"\r", b"\xc3", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"{", b"*", b"\t"]
            )
    return bytes(data)


def mutation(texts: list[str], seed: int) -> bytes:
    """The specification of a seed: one of `texts` with one kind of damage. The same seed gives the same bytes."""
    random_ = random.Random(seed)
    text = random_.choice(texts)
    kind = random_.choice([mutated, reshaped, scrambled])
    made = kind(text, random_)
    return made if isinstance(made, bytes) else made.encode(errors="surrogatepass")
