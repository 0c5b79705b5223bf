"""The parts of HTTP that the server needs and the standard library leaves to it: replies, hosts, byte ranges."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from dubber.listening.session import Refused

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Reply:
    """What goes back to the browser."""

    status: HTTPStatus
    kind: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """A value as JSON that no cache keeps."""
    return Reply(status, "application/json", json.dumps(value).encode(), {"Cache-Control": "no-store"})


def check_host(host: str | None) -> None:
    """Let through requests to this machine's own names only.

    A page of a foreign site can let its name point to 127.0.0.1 (DNS rebinding); its requests carry that name.

    Raises:
        Refused: the request is to another name, or to none.
    """
    if re.sub(r":\d+$", "", host or "").lower() not in LOOPBACK:
        raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to localhost and 127.0.0.1 only.")


def ranged(kind: str, content: bytes, wanted: str | None) -> Reply:
    """`content`, or the part of it that the header `Range` asks for: browsers seek so.

    Raises:
        Refused: the range holds no byte of the content.
    """
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=86400"}
    match = re.fullmatch(r"bytes=([0-9]{0,12})-([0-9]{0,12})", wanted or "")
    if not match or match[0] == "bytes=-":
        return Reply(HTTPStatus.OK, kind, content, headers)
    size = len(content)
    first, last = _bounds(match[1], match[2], size)
    if not first <= last < size:
        raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"The sound has {size} bytes.")
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Reply(HTTPStatus.PARTIAL_CONTENT, kind, content[first : last + 1], headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte of "first-last", "first-" or "-count"."""
    if not first:
        return max(0, size - int(last)) if int(last) else size, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
