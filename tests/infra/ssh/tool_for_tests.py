"""Stands in for the machine-side tool: the same lines in and out, and commands that try a transport."""

import json
import os
import select
import sys
import time


def main() -> None:
    """Answer one request."""
    frame = json.loads(sys.stdin.buffer.readline())
    command, request = frame["command"], frame["request"]
    if command == "echo":
        answer({"ok": {"said": request, "pid": os.getpid(), "arguments": sys.argv}})
    elif command == "count":
        answer({"ok": {"bytes": sum(map(len, iter(lambda: sys.stdin.buffer.read(1 << 16), b"")))}})
    elif command == "refuse":
        answer({"error": {"kind": request["kind"], "message": "because"}})
    elif command == "crash":
        raise SystemExit("it broke")
    elif command == "ticks":
        answer({"ok": {}})
        while True:
            print("tick", flush=True)
            time.sleep(0.05)
    elif command == "wait":
        answer({"ok": {}})
        wait_until_nobody_reads()
    elif command == "hang":
        time.sleep(3600)


def answer(reply: object) -> None:
    """The first line of what is said."""
    print(json.dumps(reply), flush=True)


def wait_until_nobody_reads() -> None:
    """As a log does that is followed and has nothing to say."""
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)
    poller.poll()


main()
