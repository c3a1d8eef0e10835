"""`sky serve logs --load-balancer`: a line a request, for people."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click

FLAGS = {
    "DownstreamConnectionTermination": "the client hung up",
    "DownstreamProtocolError": "the client broke the protocol",
    "DownstreamRemoteReset": "the client hung up",
    "LocalReset": "the endpoint gave the connection up",
    "NoClusterFound": "the service is being set up",
    "NoHealthyUpstream": "no replica ready",
    "NoRouteFound": "the service is being set up",
    "OverloadManagerTerminated": "the endpoint is overloaded",
    "RateLimited": "too many requests",
    "StreamIdleTimeout": "silent for too long",
    "UnauthorizedExternalService": "not allowed",
    "UpstreamConnectionFailure": "the replica could not be reached",
    "UpstreamConnectionTermination": "the replica hung up",
    "UpstreamOverflow": "too many requests",
    "UpstreamProtocolError": "the replica broke the protocol",
    "UpstreamRemoteReset": "the replica hung up",
    "UpstreamRequestTimeout": "the replica took too long",
    "UpstreamRetryLimitExceeded": "all attempts failed",
}
"""What the proxy's flags mean to a user; others are shown as they are."""

DETAILS = {
    "queue_full": "no room in the queue",
    "queue_timeout": "queued for too long",
    "deadline_exceeded": "not begun by its deadline",
    "no_ready_replica": "no replica ready",
    "too_many_waiting": "too many wait already",
    "invalid_api_key": "no valid API key",
    "expired_api_key": "the API key has expired",
    "token_budget_exceeded": "the API key's budget is spent",
    "rate_limit_exceeded": "too many requests with the API key",
}
"""Likewise for what the endpoint gives as its reason."""

NOTABLE_WAIT_MS = 100
"""Before a request was sent to a replica: less is usual."""
_COLOURS = {"2": "green", "3": "cyan", "4": "yellow"}
"""By the first digit of the status; all others: red."""


def access_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The requests of a log, as soon as each line is whole. What is no request is shown as it is."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from map(_line, whole)
    if rest:
        yield _line(rest)


def _line(line: bytes) -> str:
    try:
        request = json.loads(line)
        return access_line(request)
    except (ValueError, TypeError, KeyError, AttributeError):
        return line.decode(errors="replace")


def access_line(request: Mapping[str, Any]) -> str:
    """One request. Raises KeyError, TypeError or ValueError for what is none."""
    at = datetime.fromisoformat(request["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    status = str(request["status"])
    parts = [
        at,
        click.style(f"{status:>3}", fg=_COLOURS.get(status[:1], "red")),
        _harmless(f"{request['method'] or '-'} {request['path'] or '-'}"),
        _replica(request),
        _times(request),
        f"{request['sent_bytes']} B",
        *_remarks(request),
        *_key(request),
        click.style(_harmless(f"{request['client']} {request['request_id']}"), dim=True),
    ]
    return "  ".join(parts)


def _harmless(written: str) -> str:
    """What a client wrote, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in written)


def _replica(request: Mapping[str, Any]) -> str:
    if request["replica"] is None:
        return "no replica"
    return f"replica {request['replica']} (version {request['version']})"


def _times(request: Mapping[str, Any]) -> str:
    whole = f"{request['duration_ms']} ms"
    return whole if request["first_byte_ms"] is None else f"{request['first_byte_ms']} of {whole}"


def _remarks(request: Mapping[str, Any]) -> list[str]:
    """What was not as usual."""
    remarks = []
    waited, attempts = int(request["waited_ms"] or 0), int(request["attempts"] or 0)
    if waited >= NOTABLE_WAIT_MS:
        remarks.append(f"waited {waited} ms")
    if attempts > 1:
        remarks.append(f"{attempts} attempts")
    remarks += [FLAGS.get(flag, flag) for flag in (request["flags"] or "").split(",") if flag.strip("-")]
    reason = DETAILS.get(request["details"] or "")
    remarks += [reason] if reason else []
    return [click.style(", ".join(remarks), fg="yellow")] if remarks else []


def _key(request: Mapping[str, Any]) -> list[str]:
    if request["key"] is None:
        return []
    tokens = f", {request['tokens']} tokens" if request["tokens"] is not None else ""
    return [f"key {request['key']}{tokens}"]
