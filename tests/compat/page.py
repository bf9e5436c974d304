"""Opens a page of this directory in Chromium, from an origin of its own, and prints what it saw."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from tests.support.browsing import open_browser


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    """`python -m tests.compat.page DIRECTORY PAGE TIMEOUT_S`."""
    directory, page_name, timeout_s = sys.argv[1:]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = {"provider": os.environ["OPENAI_API_KEY"], "trunkline": os.environ["TRUNKLINE_KEY"]}
    url = f"http://127.0.0.1:{server.server_port}/{page_name}#{urlencode(keys)}"
    with contextmanager(open_browser)() as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.on("console", lambda said: print(said.text, file=sys.stderr))
        page.on("pageerror", lambda error: print(error, file=sys.stderr))
        page.goto(url)
        page.wait_for_function("window.seen", timeout=float(timeout_s) * 1000)
        print(json.dumps(page.evaluate("window.seen")))


if __name__ == "__main__":
    main()
