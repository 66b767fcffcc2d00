"""A real server, in a process of its own: `python stream_server.py FOLDER` tells its port.

/whole/NAME sends a file and says how long it is; /cut/NAME says so and breaks off in the middle.
/pieces/NAME sends NAME.0, NAME.1, … of no stated length, one for each connection, and then 404.
/silent answers and says nothing.
"""

import collections
import http.server
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv[1])
num_connections: collections.Counter[str] = collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, kind, *rest = self.path.split("/")
        name = rest[0] if rest else ""
        if kind == "pieces":
            name = f"{name}.{num_connections[name]}"
            num_connections[self.path.split("/")[2]] += 1
        file = FOLDER / name
        if kind != "silent" and not file.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        data = b"" if kind == "silent" else file.read_bytes()
        if kind in ("whole", "cut"):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if kind == "cut" else data)
        self.wfile.flush()
        if kind == "silent":
            time.sleep(60)

    def log_message(self, format, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
sys.stdout.write(f"{server.server_address[1]}\n")
sys.stdout.flush()
server.serve_forever()
