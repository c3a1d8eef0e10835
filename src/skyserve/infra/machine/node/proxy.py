"""An HTTP proxy for nodes without a network of their own: downloads work, by the usual proxy variables."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from . import relay

PORT = 3128
"""Where the node finds it, on its loopback address: the customary port of HTTP proxies."""
_HEAD_LIMIT = 1 << 16
_TIMEOUT = 30


def environment() -> dict[str, str]:
    """What makes curl, pip, Python and their like use it."""
    url = f"http://127.0.0.1:{PORT}"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    local = "127.0.0.1,localhost,::1"
    return {**dict.fromkeys(names, url), "no_proxy": local, "NO_PROXY": local}


def handle(connection: socket.socket) -> None:
    """Serve one connection: a tunnel (CONNECT), or one plain request."""
    connection.settimeout(_TIMEOUT)
    try:
        head, rest = _read_head(connection)
        target, first = _route(head)
        upstream = socket.create_connection(target, _TIMEOUT)
    except (OSError, ValueError) as error:
        _refuse(connection, str(error))
        return
    if first:
        upstream.sendall(first)
    else:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    if rest:
        upstream.sendall(rest)
    relay.join(connection, upstream)


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(_HEAD_LIMIT)
        if not chunk or len(data) > _HEAD_LIMIT:
            raise ValueError("no HTTP request")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _route(head: bytes) -> tuple[tuple[str, int], bytes]:
    """Where the request goes, and how it begins there; nothing for a tunnel."""
    lines = head.decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return (host.strip("[]"), int(port)), b""
    url = urlsplit(target)
    if url.scheme != "http" or not url.hostname:
        raise ValueError("only http:// and CONNECT are passed on")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    # The next request on this connection may be for another host: let the answer end it.
    kept = [line for line in lines[1:] if line.split(":")[0].lower() not in ("proxy-connection", "connection")]
    request = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
    return (url.hostname, url.port or 80), request.encode("latin-1")


def _refuse(connection: socket.socket, why: str) -> None:
    body = why.encode() + b"\n"
    head = f"HTTP/1.1 502 Bad Gateway\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    try:
        connection.sendall(head.encode() + body)
    except OSError:
        return
    finally:
        connection.close()
