"""One JSON object a request, written when it has ended."""

from pathlib import Path

from skyserve.endpoint.translate.keys import METADATA
from skyserve.endpoint.translate.naming import REPLICA, Json, extension

FIELDS = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS_LONG%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "key": f"%DYNAMIC_METADATA({METADATA}:id)%",
    "tokens": f"%DYNAMIC_METADATA({METADATA}:tokens)%",
    "replica": f"%UPSTREAM_METADATA({REPLICA}:replica)%",
    "version": f"%UPSTREAM_METADATA({REPLICA}:version)%",
    "address": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "waited_ms": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "duration_ms": "%DURATION%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
}
"""What is told of each. No header but the request's id, no query: those hold keys. The key is told by its id."""


def log_file(service: str, path: Path) -> Json:
    """The access logger of one service."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": extension("access_loggers.file.v3.FileAccessLog"),
            "path": str(path),
            "log_format": {"json_format": {"service": service.replace("%", "%%"), **FIELDS}},
        },
    }
