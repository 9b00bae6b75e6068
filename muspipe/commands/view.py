"""`muspipe view`: the report of a recording in a browser, without a file."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from muspipe.commands.identifying import reading_of
from muspipe.commands.methods import add_firings, add_method, given_settings
from muspipe.identification.method import METHODS

HOST = "127.0.0.1"
"""This machine alone can ask for the page."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = "Identifies the motor units, then shows them until Ctrl-C. Nothing is written."
    add = parser.add_argument
    add("recording", metavar="RECORDING", help="velocity images, IQ or RF, as for `muspipe identify`")
    add_method(parser, METHODS)
    add_firings(parser)
    for name, unit in (("frame-rate", "HZ"), ("pixel-mm", "MM")):
        add(f"--{name}", type=float, metavar=unit, help="as for `muspipe identify`")
    for name, value in (("variable", "NAME"), ("axes", "HWT")):
        add(f"--{name}", metavar=value, help="as for `muspipe identify`")
    add("--port", type=int, default=0, metavar="N", help="of the address (default: any that is free)")
    add("--open", action="store_true", help="open the page in the default browser")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 after Ctrl-C; raises InputError for what the user can mend."""
    from muspipe.errors import InputError

    if not 0 <= args.port < 2**16:
        raise InputError(f"--port: expected a number from 0 to 65535, got {args.port}")
    try:
        server = server_of(args.port)  # first: an address that is taken is noticed before the work
    except OSError as error:
        raise InputError(f"--port {args.port}: {error.strerror}: choose another, or leave it out") from error
    with server:
        server.page = _page(args)
        url = f"http://{HOST}:{server.server_port}/"
        print(f"{url}  (Ctrl-C ends it)", flush=True)
        if args.open:
            import webbrowser

            webbrowser.open(url)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _page(args) -> bytes:
    """The report of the recording."""
    from muspipe.commands.showing import shown_steps
    from muspipe.identification.identify import identify
    from muspipe.identification.many import load_noticing, with_doubts
    from muspipe.progress import listening
    from muspipe.report.page import report_html

    with shown_steps("reading", 3) as step:
        with listening(step.within):  # the velocity of echoes is estimated now
            recording, doubts = load_noticing(args.recording, **reading_of(args), whole=False)
        step("identifying")
        found = identify(recording, args.method, firings=args.firings, progress=step.within, **given_settings(args))
        result = with_doubts(found, doubts)
        step("reporting")
        page = report_html([result]).encode()
    plural = "" if result.n_units == 1 else "s"
    print(f"{result.n_units} motor unit{plural} found in {Path(args.recording).name}", file=sys.stderr)
    for warning in result.warnings:
        print(f"note: {warning}", file=sys.stderr)
    return page


def server_of(port: int):
    """A server on this machine that says its `page`, bytes, at /. port: 0 is any that is free. OSError if it is not."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        """Answers a browser."""

        def do_GET(self):
            host = self.headers.get("Host", "").rpartition(":")[0]
            if host not in (HOST, "localhost"):  # a name that somebody else has given this address
                self.send_error(403)
            elif self.path != "/":
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(self.server.page)))
                self.end_headers()
                self.wfile.write(self.server.page)

        def log_message(self, *_):
            """Nothing of each request."""

    return ThreadingHTTPServer((HOST, port), Handler)
