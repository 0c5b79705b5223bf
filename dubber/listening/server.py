"""The listening test's server: one page, its sounds, and the answers; on this machine's loopback and nowhere else.

GET  /                         the page
GET  /trials?listener=<name>   what the listener is asked, with the answers given so far
GET  /sounds/<id>.wav          a sound, whole or a range of it
POST /answers                  one answer as JSON; the reply comes when it is on the disk
"""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from dubber.errors import DubberError
from dubber.listening.definition import SOUND_ID
from dubber.listening.replies import Reply, check_host, json_reply, ranged
from dubber.listening.session import Refused, Session

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
PAGE = Path(__file__).parent / "page.html"
MAX_BODY = 1024  # bytes; an answer has less than 200
IDLE = 60  # seconds after which a silent connection is closed
LINGER, MAX_LINGER = 2, 1 << 16  # seconds and bytes that a refused request may still send


class ListeningServer(ThreadingHTTPServer):
    """Serves one test until it is stopped; requests are answered side by side.

    Args:
        port: 0 for any free one; `url` tells which it became.

    Raises:
        DubberError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, session: Session, port: int) -> None:
        self.session = session
        self.page = page()
        try:
            super().__init__((ADDRESS, port), Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise DubberError(
                f"Port {port} cannot be opened: {error.strerror}.", hint="Choose another, or --port 0 for any free one."
            ) from None

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_address[1]}/"


def page() -> Reply:
    """The page, which may run its own script and style and talk to this server, and nothing else."""
    text = PAGE.read_text(encoding="utf-8")
    found = {tag: re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)[0] for tag in ("script", "style")}
    hashes = {tag: _hash(inside) for tag, inside in found.items()}
    policy = (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']}; connect-src 'self'; "
        "media-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
    return Reply(HTTPStatus.OK, "text/html; charset=utf-8", text.encode(), headers)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class Handler(BaseHTTPRequestHandler):
    """One connection. Whatever is wrong with a request becomes a status and one sentence in JSON."""

    server: ListeningServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "dubber", ""
    timeout = IDLE

    def do_GET(self) -> None:
        self._serve(self._found)

    def do_HEAD(self) -> None:
        self._serve(self._found)

    def do_POST(self) -> None:
        self._serve(self._kept)

    def _serve(self, route: Callable[[], Reply]) -> None:
        try:
            check_host(self.headers.get("Host"))
            reply = route()
        except Refused as refused:
            log.info("refused: %s %.80r: %s", self.command, self.path, refused.reason)
            self.close_connection = True  # what is left of the request is not read
            reply = json_reply({"error": refused.reason}, refused.status)
        except OSError as error:  # a full disk, a sound that was deleted
            log.error("%s %.80r: %s", self.command, self.path, error)
            self.close_connection = True
            reply = json_reply({"error": "The server could not do this."}, HTTPStatus.INTERNAL_SERVER_ERROR)
        with suppress(OSError):  # the browser is gone
            self._send(reply)
            if self.close_connection:
                self._linger()

    def _linger(self) -> None:
        """Take in what the browser is still sending, up to a limit: closed at once, it could miss the reply."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER)
        left = MAX_LINGER
        while left > 0 and (block := self.rfile.read1(left)):
            left -= len(block)

    def _found(self) -> Reply:
        try:
            url = urlsplit(self.path)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "This address is not valid.") from None
        sound = re.fullmatch(rf"/sounds/({SOUND_ID})\.wav", url.path)
        if sound:
            return ranged("audio/wav", self.server.session.sound(sound[1]), self.headers.get("Range"))
        if url.path == "/trials":
            return json_reply(self.server.session.trials(parse_qs(url.query).get("listener", [None])[0]))
        if url.path == "/":
            return self.server.page
        if url.path == "/answers":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Answers are posted.")
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _kept(self) -> Reply:
        if self.path != "/answers":
            raise Refused(HTTPStatus.NOT_FOUND, "Nothing can be posted here.")
        self.server.session.keep(self._body())
        return json_reply({"kept": True}, HTTPStatus.CREATED)

    def _body(self) -> bytes:
        """The request's body.

        Raises:
            Refused: it is not JSON by name, of unknown length, too long or cut off.
        """
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Answers are posted as application/json.")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,9}", length):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "The length of the answer must be stated.")
        if int(length) > MAX_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"An answer has at most {MAX_BODY} bytes.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(HTTPStatus.BAD_REQUEST, "The answer was cut off.")
        return body

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """The standard library's line a request would bury what matters."""
        log.debug(format, *args)
