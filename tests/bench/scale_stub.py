#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scale_stub.py LATENCY-MS - a server of bulk requests that says yes to all, each after the same time, and keeps nothing.

Prints its port. One loop without threads: a request costs it a tenth of a millisecond, so that it is not what is measured.
GET /told answers with what came since the last time it was asked: requests, documents, and bytes packed and unpacked.
"""
import asyncio
import gzip
import json
import sys

STATUS = b'{"index":{"status":201}}'


class Stub:
    def __init__(self, latency_s):
        self.latency_s = latency_s
        self.told = {}
        self.forget()

    def forget(self):
        before, self.told = self.told, {"requests": 0, "documents": 0, "packed": 0, "unpacked": 0}
        return before

    def bulk(self, body, is_packed):
        text = gzip.decompress(body) if is_packed else body
        documents = text.count(b"\n") // 2
        for key, number in (("requests", 1), ("documents", documents), ("packed", len(body)), ("unpacked", len(text))):
            self.told[key] += number
        return b'{"errors":false,"items":[' + b",".join([STATUS] * documents) + b"]}"

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        if fields.get(b"expect") == b"100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(int(fields.get(b"content-length", 0)))
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/_bulk"):
            begun = asyncio.get_running_loop().time()
            answer = self.bulk(body, fields.get(b"content-encoding") == b"gzip")
            await asyncio.sleep(max(0, begun + self.latency_s - asyncio.get_running_loop().time()))
        elif path == b"/told":
            answer = json.dumps(self.forget()).encode()
        else:
            answer = b'{"version":{"number":"8.0.0"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()

    async def serve(self, reader, writer):
        try:
            while True:
                await self.one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main():
    server = await asyncio.start_server(Stub(float(sys.argv[1]) / 1e3).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
