"""What to type next, after a service was started."""


def useful_commands(name: str, endpoint: str) -> str:
    """The commands that a user of this service needs, one a line."""
    rows = [
        ("status", f"sky serve status {name}"),
        ("follow the status", f"sky serve status {name} --watch"),
        ("log of a replica", f"sky serve logs {name} 1"),
        ("log of the load balancer", f"sky serve logs {name} --load-balancer"),
        ("what the controller did", f"sky serve logs {name} --controller"),
        ("a test request", f"curl {endpoint}"),
        ("change it", f"sky serve update {name} FILE"),
        ("end it", f"sky serve down {name}"),
    ]
    width = max(len(what) for what, _ in rows)
    return "\n".join(["Useful Commands", *(f"  {what.ljust(width)}  {command}" for what, command in rows)])
