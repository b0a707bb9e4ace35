"""httpbin on a free port of 127.0.0.1, whose number is the first line of standard output.

Ends with its standard input, so that it never outlives the test that started it, however that ends.
"""

import logging
import os
import sys
import threading

from httpbin import app
from werkzeug.serving import WSGIRequestHandler, make_server


class Handler(WSGIRequestHandler):
    """HTTP/1.1: connections are kept, and bodies of unknown length are chunked."""

    protocol_version = "HTTP/1.1"


def end_with_stdin():
    """A pipe reads as empty when nobody holds its other end any more."""
    sys.stdin.buffer.read()
    os._exit(0)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
threading.Thread(target=end_with_stdin, daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
