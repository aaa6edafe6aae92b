"""When this program began to load Retinue: log.txt tells how long it took from there to the first step."""

from __future__ import annotations

import time

IMPORTED = time.perf_counter()
