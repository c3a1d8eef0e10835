"""What went wrong with a probe, in a few words.

Made from the kind of the error, never from its message: messages quote what was sent, and headers hold keys.
"""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx


def in_words(error: BaseException, timeout: float) -> str:
    """For people, to stand after `probe failed:`. `timeout` is the probe's, in seconds."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLError):
            return "TLS failed: a certificate is not trusted, or it speaks no TLS"
        if isinstance(cause, socket.gaierror):
            return "host name not found"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    match error:
        case httpx.ConnectTimeout():
            return "the machine does not answer"
        case httpx.TooManyRedirects():
            return "redirects without end"
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return "the path, or an address it redirects to, is not one of HTTP"
        case httpx.RemoteProtocolError():
            return "the answer is not HTTP, or was cut short"
        case httpx.LocalProtocolError() | UnicodeError():
            return "a header of the probe holds characters that cannot be sent"
        case httpx.TransportError():
            return "the connection broke"
        case _:
            return f"the probe cannot be sent ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what led to it, and the parts of groups: several addresses may have been tried."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _chain(part)
    yield error
    if (before := error.__cause__ or error.__context__) is not None:
        yield from _chain(before)
