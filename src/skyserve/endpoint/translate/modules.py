"""What of our own library Envoy loads (skyserve.endpoint.native): filters, and the logger.

Filters stand in every listener, and do nothing until a service's routes tell them something; so that what they are told
comes and goes without a connection being cut, and costs nothing where nobody asks.
"""

from skyserve.endpoint.native import NAME
from skyserve.endpoint.translate.naming import Json, extension, struct

_LIBRARY: Json = {"name": NAME, "do_not_close": True}


def module_filter(name: str, kind: str) -> Json:
    """For a listener. `kind`: what the library calls it."""
    return {
        "name": name,
        "typed_config": {
            "@type": extension("filters.http.dynamic_modules.v3.DynamicModuleFilter"),
            "dynamic_module_config": _LIBRARY,
            "filter_name": kind,
        },
        "disabled": True,
    }


def module_told(kind: str, told: str) -> Json:
    """For routes, which switch it on by this. `told`: in the words of that filter."""
    settings = {"dynamic_module_config": _LIBRARY, "filter_name": kind, "filter_config": _string(told)}
    return struct("filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute", settings)


def module_logger(kind: str, told: str) -> Json:
    """An access logger. `told`: in its words."""
    settings = {"dynamic_module_config": _LIBRARY, "logger_name": kind, "logger_config": _string(told)}
    return {
        "name": "envoy.access_loggers.dynamic_modules",
        "typed_config": struct("access_loggers.dynamic_modules.v3.DynamicModuleAccessLog", settings),
    }


def _string(value: str) -> Json:
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value}
