"""What docs/metrics.md says of the access log."""

import re
from pathlib import Path

_DOC = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
_ROWS = re.findall(r"^\| (`.+?) \|", _DOC.split("## The access log")[1].split("## ")[0], flags=re.MULTILINE)
KEYS = frozenset(word for row in _ROWS for word in re.findall(r"`(\w+)`", row))
"""Of each line."""
