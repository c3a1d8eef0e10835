"""How a service goes from one version to the next: how that begins, how replicas are shared out, how it ends."""
