# SPDX-License-Identifier: Apache-2.0
"""A gzip file that unpacks to itself, and a zip file whose only member is that
zip file: archives in archives without an end, in 300 bytes.

The idea is Russ Cox's ("Zip Files All The Way Down", 2010). A deflate stream is
a program of two instructions: L prints the bytes that follow it (a block that
is stored), R prints the last n bytes again (a match). Both take five bytes, so
a program can be written that prints head, itself and tail. The checksum stands
in what it is of; it is linear in each of its bits, and so can be solved for.
"""
import struct
import zlib

LENGTHS = [(257 + i, 3 + i, 0) for i in range(8)] + [
    (265 + 4 * e + i - 4, 3 + (4 + i << e), e) for e in range(1, 6) for i in range(4)]
DISTANCES = [(0, 1, 0), (1, 2, 0)] + [(2 * e + i + 2, 1 + (2 + i << e), e) for e in range(14) for i in range(2)]


class Bits:
    def __init__(self):
        self.text = ""

    def put(self, value, count):
        """As deflate has numbers: the lowest bit first."""
        self.text += format(value, "0%db" % count)[::-1] if count else ""

    def code(self, value, count):
        """And as it has Huffman codes."""
        self.text += format(value, "0%db" % count)

    def symbol(self, value):
        self.code(value - 256, 7) if value < 280 else self.code(0xc0 + value - 280, 8)

    def bytes(self):
        assert len(self.text) % 8 == 0, "%d bits" % len(self.text)
        return bytes(int(self.text[i:i + 8][::-1], 2) for i in range(0, len(self.text), 8))


def pick(table, value):
    code, first, extra = [row for row in table if row[1] <= value][-1]
    return code, value - first, extra


def again(distance, *lengths, empty=0):
    """R: matches at that distance in a block of fixed codes, and empty blocks to fill the last byte."""
    out = Bits()
    for block in (lengths,) + ((),) * empty:
        out.put(2, 3)
        for length in block:
            code, rest, extra = pick(LENGTHS, length)
            out.symbol(code)
            out.put(rest, extra)
            code, rest, extra = pick(DISTANCES, distance)
            out.code(code, 5)
            out.put(rest, extra)
        out.symbol(256)
    return out.bytes()


def literal(size):
    """L, without the bytes."""
    return struct.pack("<BHH", 0, size, size ^ 0xffff)


END = b"\1\0\0\xff\xff"  # the last block, empty


def program(head, tail, of_head, of_tail):
    """of_head, of_tail: the R of what is that long. Prints all of itself, if it is not cut."""
    to_head, to_tail, four, one, none = len(head) + 5, len(tail) + len(of_tail), literal(20), literal(5), literal(0)
    of_four, first, last = again(20, 10, 10), literal(to_head), literal(to_tail)
    assert len(of_head) == len(of_four) == 5
    return b"".join([
        head, first, head, first, of_head, one, of_head, one, one, four, of_head, one, one, four, of_four,
        four, of_four, four, of_four, four, of_four, four, of_four, none, none, last, of_four, none, none,
        last, of_tail, tail, of_tail, tail])


def solve(make):
    """The checksum that makes(it) has."""
    base = zlib.crc32(make(0))
    rows = [[(zlib.crc32(make(1 << bit)) ^ base) ^ 1 << bit, 1 << bit] for bit in range(32)]
    want, found = base, 0
    for bit in range(32):
        pivot = next((r for r in rows if r[0] >> bit & 1), None)
        if pivot is None:
            assert not want >> bit & 1, "no checksum fits"
            continue
        rows.remove(pivot)
        rows = [[r[0] ^ pivot[0], r[1] ^ pivot[1]] if r[0] >> bit & 1 else r for r in rows]
        if want >> bit & 1:
            want, found = want ^ pivot[0], found ^ pivot[1]
    assert zlib.crc32(make(found)) == found
    return found


def gzip_quine():
    def make(crc, size=0):
        head = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03r.gz\0"
        return program(head, END + struct.pack("<II", crc, size), again(20, 10, 10), again(18, 9, 9))

    size = len(make(0))
    return make(solve(lambda crc: make(crc, size)), size)


def zip_quine(name=b"r.zip"):
    def make(crc, size=0):
        packed = size - 30 - len(name) - 25 - 46 - len(name) - 22 if size else 0
        fields = struct.pack("<HHHHHIIIH", 20, 0, 8, 0, 0x5c21, crc, packed, size, len(name))
        extra = struct.pack("<HH", 0xcafe, 21) + bytes(21)
        head = b"PK\3\4" + fields + struct.pack("<H", 25) + name + extra
        central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHHII", 0, 0, 0, 0, 0, 0) + name
        end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), size - 22 - len(central) if size else 0, 0)
        return program(head, END + central + end, again(65, 65, empty=1), again(84, 18, 66))

    size = len(make(0))
    return make(solve(lambda crc: make(crc, size)), size)
