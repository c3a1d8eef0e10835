"""What becomes of each request that has ended: a line of the access log, and one more in the counts (record.c)."""

from pathlib import Path

from skyserve.endpoint.translate.modules import module_logger
from skyserve.endpoint.translate.naming import Json
from skyserve.model.load import FIRST_BYTE_BOUNDS


def recorder(service: str, log: Path, tally: Path | None = None) -> Json:
    """An access logger for the service of that name. `tally`: where it is counted, if it is."""
    told = [f"service {service}", f"log {log}"]
    if tally is not None:
        bounds = " ".join(str(round(1e6 * bound)) for bound in FIRST_BYTE_BOUNDS)
        told += [f"tally {tally}", f"bounds {bounds}"]
    return module_logger("record", "\n".join(told))
