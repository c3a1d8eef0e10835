"""The load balancer: Envoy carries bytes, this package tells it where to, over ADS on a Unix socket."""
