"""A small RTSP server: `python rtsp_server.py STREAM.ts` tells its port and sends the stream, once.

It knows what a client needs that takes RTP over the same connection, and closes at the end.
"""

import socketserver
import struct
import sys
from pathlib import Path

DATA = Path(sys.argv[1]).read_bytes()
DESCRIPTION = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"
HEADERS = {
    "OPTIONS": "Public: DESCRIBE, SETUP, PLAY\r\n",
    "DESCRIBE": "Content-Type: application/sdp\r\n",
    "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
    "PLAY": "Session: 1\r\n",
}
BYTES_PER_PACKET = 7 * 188


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while request := self.rfile.readline().decode():
            verb = request.split()[0]
            headers = iter(lambda: self.rfile.readline().decode().strip(), "")
            number = next(header for header in headers if header.lower().startswith("cseq"))
            for _ in headers:
                pass
            body = DESCRIPTION if verb == "DESCRIBE" else ""
            length = f"Content-Length: {len(body)}\r\n"
            self.wfile.write(
                f"RTSP/1.0 200 OK\r\n{number}\r\n{HEADERS[verb]}{length}\r\n{body}".encode()
            )
            if verb == "PLAY":
                self.play()
                return

    def play(self):
        for number, start in enumerate(range(0, len(DATA), BYTES_PER_PACKET)):
            packet = struct.pack("!BBHII", 0x80, 33, number, 900 * number, 1)
            packet += DATA[start : start + BYTES_PER_PACKET]
            self.wfile.write(b"$\0" + struct.pack("!H", len(packet)) + packet)


server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
server.serve_forever()
