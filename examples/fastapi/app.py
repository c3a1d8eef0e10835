"""A small FastAPI application: who answers, whether it is well, and words that arrive one by one."""

import asyncio
import os
from collections.abc import AsyncIterator

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

app = FastAPI(title="SkyServe example")

REPLICA = int(os.environ.get("SKYPILOT_SERVE_REPLICA_ID", "0"))
SECONDS_BETWEEN_WORDS = 0.1


@app.get("/")
async def who() -> dict[str, str | int]:
    """Which replica answers."""
    return {"message": "Hello from FastAPI", "replica": REPLICA}


@app.get("/health")
async def health() -> dict[str, str]:
    """What the readiness probe asks."""
    return {"status": "ok"}


@app.get("/stream")
async def stream(words: int = Query(default=10, ge=1, le=1000)) -> StreamingResponse:
    """Server-sent events, one a word, as a language model would send them."""
    return StreamingResponse(_events(words), media_type="text/event-stream")


async def _events(words: int) -> AsyncIterator[str]:
    for number in range(words):
        yield f"data: word {number} of replica {REPLICA}\n\n"
        await asyncio.sleep(SECONDS_BETWEEN_WORDS)
    yield "data: [DONE]\n\n"
