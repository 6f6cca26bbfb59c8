"""Answers on port 8000 as the version that it was when it started."""
import http.server
import json

from myapp import version
from myapp.config import validate

validate()
VERSION = version()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path in ("/health", "/api/health", "/about")
        body = json.dumps({"version": VERSION, "ok": found}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
