"""`python -m skyserve` is the controller; the client starts it on demand."""

import sys

from skyserve.wiring import main

sys.exit(main())
