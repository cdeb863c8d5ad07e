"""Verifies a data mesh's ledger with nothing of the mesh's own code: Python and the package `cryptography`.

    python3 verify_ledger.py URL KEYS [--entry N] [--since NOTE]

URL is a node, such as http://127.0.0.1:7080. KEYS is a file of verifier keys, one a line, as `mesh ledger keys -o name` prints
them: get it from somebody you trust, not from the node. It fetches the checkpoint (C2SP tlog-checkpoint), checks that a majority of
the voters cosigned it (tlog-cosignature) and that their log keys signed it (signed-note), reads every entry and every tile
(tlog-tiles), and computes the root again (RFC 6962). --entry N also checks an inclusion proof of entry N, built from tiles alone;
--since NOTE checks that the ledger goes on from a checkpoint that was kept earlier. Exits 0 when all of it holds, else 1.
"""

import argparse
import base64
import hashlib
import struct
import sys
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, COSIGNER = 0x01, 0x04
WIDTH = 256


class Failed(Exception):
    """Something does not hold."""


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def verifier_keys(path):
    """(name, key hash) -> (type, public key)."""
    keys = {}
    with open(path, encoding="utf-8") as lines:
        for line in filter(None, map(str.strip, lines)):
            name, key_hash, key = line.split("+", 2)
            key = base64.b64decode(key, validate=True)
            expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
            if bytes.fromhex(key_hash) != expected:
                raise Failed(f"the key hash of {name} is not its key's")
            keys[name, expected] = (key[0], Ed25519PublicKey.from_public_bytes(key[1:]))
    return keys


def open_note(note, keys):
    """The checkpoint's text, size and root, and how many keys of each type verify. Every line by a known key has to."""
    text, _, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    seen = set()
    for line in signatures.splitlines():
        dash, name, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        key_hash, signature = signature[:4], signature[4:]
        if dash != "\u2014" or (name, key_hash) not in keys or (name, key_hash) in seen:
            continue
        kind, key = keys[name, key_hash]
        message = text
        if kind == COSIGNER:
            (time,) = struct.unpack(">Q", signature[:8])
            signature, message = signature[8:], f"cosignature/v1\ntime {time}\n{text}"
        key.verify(signature, message.encode())
        seen.add((name, key_hash))
    origin, size, root = text.split("\n")[:3]
    kinds = [keys[who][0] for who in seen]
    return origin, int(size), base64.b64decode(root, validate=True), kinds.count(LOG), kinds.count(COSIGNER)


def tile_path(level, index, width):
    digits = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        digits = f"x{index % 1000:03}/{digits}"
    return f"tile/{level}/{digits}" + (f".p/{width}" if width < WIDTH else "")


class Tiles:
    """The hashes of complete subtrees, from tiles; each tile is fetched once."""

    def __init__(self, url, size):
        self.url, self.size, self.kept = url, size, {}

    def tile(self, level, index):
        if (level, index) not in self.kept:
            width = min(WIDTH, (self.size >> (8 * level)) - index * WIDTH)
            body = fetch(f"{self.url}/ledger/{tile_path(level, index, width)}")
            if len(body) != 32 * width:
                raise Failed(f"tile {level}/{index} has {len(body)} bytes; expected {32 * width}")
            self.kept[level, index] = [body[at : at + 32] for at in range(0, len(body), 32)]
        return self.kept[level, index]

    def subtree(self, level, index):
        """The hash of the complete subtree (level, index), from the tile that holds it or its parts."""
        tile_level, depth = divmod(level, 8)
        first = index << depth
        hashes = self.tile(tile_level, first // WIDTH)[first % WIDTH : first % WIDTH + (1 << depth)]
        while len(hashes) > 1:
            hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2])]
        return hashes[0]

    def range(self, start, end):
        """MTH(D[start:end]) (RFC 6962, 2.1), for ranges that the tree splits into."""
        if end - start == 1 << (end - start).bit_length() - 1 and start % (end - start) == 0:
            return self.subtree((end - start).bit_length() - 1, start // (end - start))
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        return node_hash(self.range(start, middle), self.range(middle, end))

    def path(self, index, start, end):
        """PATH(index, D[start:end]) (RFC 6962, 2.1.1), from the leaf up, each with whether it stands to the right."""
        if end - start == 1:
            return []
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            return self.path(index, start, middle) + [(self.range(middle, end), True)]
        return self.path(index, middle, end) + [(self.range(start, middle), False)]

    def entries(self):
        for first in range(0, self.size, WIDTH):
            width = min(WIDTH, self.size - first)
            body = fetch(f"{self.url}/ledger/{tile_path('entries', first // WIDTH, width)}")
            at = 0
            for _ in range(width):
                (length,) = struct.unpack_from(">H", body, at)
                yield body[at + 2 : at + 2 + length]
                at += 2 + length
            if at != len(body):
                raise Failed(f"the bundle of entry {first} has bytes behind its end")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url")
    arguments.add_argument("keys")
    arguments.add_argument("--entry", type=int)
    arguments.add_argument("--since")
    arguments = arguments.parse_args()
    url = arguments.url.rstrip("/")
    keys = verifier_keys(arguments.keys)
    voters = sum(kind == COSIGNER for kind, _ in keys.values())

    origin, size, root, signed, cosigned = open_note(fetch(f"{url}/ledger/checkpoint"), keys)
    if cosigned <= voters // 2 or signed < 1:
        raise Failed(f"{cosigned} of {voters} voters cosigned the checkpoint, which is no majority")
    print(f"checkpoint: {origin}, {size} entries, cosigned by {cosigned} of {voters} voters")

    tiles = Tiles(url, size)
    for index, entry in enumerate(tiles.entries()):
        if leaf_hash(entry) != tiles.subtree(0, index):
            raise Failed(f"entry {index} is not the one in its tile")
    if tiles.range(0, size) != root:
        raise Failed("the tiles do not lead to the checkpoint's root")
    for level in range(1, 8):
        for index in range(size >> (8 * level)):
            if tiles.subtree(8 * level, index) != tiles.range(index << 8 * level, (index + 1) << 8 * level):
                raise Failed(f"hash {index} of tile level {level} is not that of the tiles below")
    print(f"tree: {size} entries lead to the root that was cosigned")

    if arguments.entry is not None:
        found = tiles.subtree(0, arguments.entry)
        for sibling, right in tiles.path(arguments.entry, 0, size):
            found = node_hash(found, sibling) if right else node_hash(sibling, found)
        if found != root:
            raise Failed(f"the inclusion proof of entry {arguments.entry} does not lead to the root")
        print(f"inclusion: entry {arguments.entry} is in the tree")

    if arguments.since:
        with open(arguments.since, "rb") as note:
            old_origin, old_size, old_root, _, old_cosigned = open_note(note.read(), keys)
        if old_origin != origin or old_cosigned <= voters // 2:
            raise Failed("the earlier checkpoint is of another ledger, or no majority cosigned it")
        if old_size > size or tiles.range(0, old_size) != old_root:
            raise Failed("the ledger does not go on from the earlier checkpoint")
        print(f"consistency: the ledger goes on from the {old_size} entries of the earlier checkpoint")


if __name__ == "__main__":
    try:
        main()
    except (Failed, InvalidSignature, ValueError, OSError) as error:
        sys.exit(f"does not hold: {error or 'a signature is wrong'}")
