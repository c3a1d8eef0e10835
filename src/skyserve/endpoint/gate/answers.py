"""What the gate says, in the words of Envoy's external processing."""

from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc
from envoy.type.v3 import http_status_pb2
from google.protobuf.duration_pb2 import Duration

from skyserve.endpoint.gate.refusal import Refusal
from skyserve.endpoint.gate.slots import Place
from skyserve.endpoint.translate.endpoints import host_and_port
from skyserve.endpoint.translate.gate import CHOSEN, CHOSEN_REPLICA
from skyserve.endpoint.translate.waiting import KEEPALIVE_HEADER


def go(place: Place) -> ext_proc.ProcessingResponse:
    """The request may go on; where a replica was chosen, to that one. If it has to wait for another one after all, it
    does so in silence: it has its place, and whoever kept it company would need one more."""
    response = ext_proc.ProcessingResponse(request_headers=ext_proc.HeadersResponse())
    response.request_headers.response.header_mutation.remove_headers.append(KEEPALIVE_HEADER)
    if place is not None:
        response.dynamic_metadata.update({CHOSEN: {CHOSEN_REPLICA: host_and_port(place.address)}})
    return response


def keep_company(room: str) -> ext_proc.ProcessingResponse:
    """The request goes to the waiting room, whence it comes back to the gate on its client's behalf."""
    response = ext_proc.ProcessingResponse(request_headers=ext_proc.HeadersResponse())
    response.dynamic_metadata.update({CHOSEN: {CHOSEN_REPLICA: room}})
    return response


def wait(seconds: float) -> ext_proc.ProcessingResponse:
    """The answer may take so long."""
    timeout = Duration()
    timeout.FromMilliseconds(round(1000 * seconds))
    return ext_proc.ProcessingResponse(override_message_timeout=timeout)


def pass_trailers() -> ext_proc.ProcessingResponse:
    """The trailers of the answer may go on: the gate is told of them, and has nothing to say."""
    return ext_proc.ProcessingResponse(response_trailers=ext_proc.TrailersResponse())


def refuse(refusal: Refusal) -> ext_proc.ProcessingResponse:
    """The request gets this answer."""
    response = ext_proc.ProcessingResponse()
    answer = response.immediate_response
    answer.status.code = http_status_pb2.StatusCode.ValueType(refusal.status)
    answer.body = refusal.message.encode()
    answer.details = refusal.kind
    if refusal.retry_after is not None:
        header = base_pb2.HeaderValue(key="retry-after", raw_value=str(refusal.retry_after).encode())
        answer.headers.set_headers.add(header=header)
    return response
