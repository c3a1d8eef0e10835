"""Short system commands that must succeed."""

import asyncio
import contextlib


async def run(*argv: str) -> str:
    """Run a command and return its output. Raises RuntimeError with what it said if it fails."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} exited with {process.returncode}: {output.decode()}")
    return output.decode()


async def attempt(*argv: str) -> None:
    """Run a command whose failure means that there was nothing to do."""
    with contextlib.suppress(RuntimeError):
        await run(*argv)
