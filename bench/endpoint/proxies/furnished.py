"""Envoy with parts of its own for what our endpoint is asked for beside spreading requests."""

import secrets
from collections.abc import Sequence

from bench.endpoint.proxies.static import BareEnvoy
from skyserve.endpoint.overload import GUARDS, overload_manager
from skyserve.endpoint.translate import limits
from skyserve.endpoint.translate.naming import Json, extension

PLENTY = 10**9
"""Requests a minute, connections and bytes: more than are asked for here."""
CLIENT_HEADER = "x-client"
"""In which one of Envoy's filters tells the next whose key it was."""


class FurnishedEnvoy(BareEnvoy):
    """With keys, a limit of requests for each, a log in JSON that tells what ours does, retries, and the same limits of
    size, time and memory. It is told the keys themselves, and counts by status and not by replica."""

    name = "Envoy with keys and limits of its own"
    _key = f"sk-{secrets.token_urlsafe(32)}"
    headers = (f"Authorization: Bearer {_key}",)

    def settings(self, replicas: Sequence[int]) -> Json:
        """With limits of memory."""
        layers = [{"name": "guards", "static_layer": GUARDS}]
        overload = overload_manager(heap_bytes=PLENTY, connections=PLENTY)
        return super().settings(replicas) | {"overload_manager": overload, "layered_runtime": {"layers": layers}}

    def manager(self) -> Json:
        """With filters, limits of time, and the log."""
        manager = super().manager() | limits.of_requests("bench")
        manager["http_filters"] = [self._keys(), _limit(), *manager["http_filters"]]
        file = extension("access_loggers.file.v3.FileAccessLog")
        form = {"json_format": _TOLD}
        log = {"@type": file, "path": str(self.folder / "access.log"), "log_format": form}
        return manager | {"access_log": [{"name": "envoy.access_loggers.file", "typed_config": log}]}

    def route(self) -> Json:
        """With retries."""
        return super().route() | {
            "retry_policy": {"retry_on": "connect-failure,refused-stream,reset", "num_retries": 3}
        }

    def _keys(self) -> Json:
        return {
            "name": "envoy.filters.http.api_key_auth",
            "typed_config": {
                "@type": extension("filters.http.api_key_auth.v3.ApiKeyAuth"),
                "credentials": [{"key": self._key, "client": "one"}],
                "key_sources": [{"header": "Authorization"}, {"header": "x-api-key"}],
                "forwarding": {"header": CLIENT_HEADER, "hide_credentials": True},
            },
        }


def _limit() -> Json:
    """Of each client's requests."""
    bucket = {"max_tokens": PLENTY, "tokens_per_fill": PLENTY, "fill_interval": "60s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}, "runtime_key": "always"}
    by_client = {"request_headers": {"header_name": CLIENT_HEADER, "descriptor_key": "client"}}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": extension("filters.http.local_ratelimit.v3.LocalRateLimit"),
            "stat_prefix": "limit",
            "token_bucket": bucket,
            "filter_enabled": always,
            "filter_enforced": always,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "rate_limits": [{"actions": [by_client]}],
            "descriptors": [{"entries": [{"key": "client", "value": "one"}], "token_bucket": bucket}],
        },
    }


_TOLD = {
    "service": "bench",
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS_LONG%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "key": f"%REQ({CLIENT_HEADER})%",
    "address": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "waited_ms": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "duration_ms": "%DURATION%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
}
