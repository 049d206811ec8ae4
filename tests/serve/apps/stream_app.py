"""Streams as many bytes as the query says, in pieces with empty ones between them.

start_response is called when the iterator is first advanced; the iterator has no `close`.
"""


class Stream:
    def __init__(self, size, start_response):
        self.left = size
        self.start_response = start_response

    def __iter__(self):
        self.start_response("200 OK", [("Content-Type", "application/octet-stream")])
        while self.left:
            piece = min(self.left, 50_000)
            self.left -= piece
            yield b""
            yield bytes(piece)


def application(environ, start_response):
    return Stream(int(environ["QUERY_STRING"]), start_response)
