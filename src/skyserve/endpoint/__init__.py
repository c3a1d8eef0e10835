"""The load balancer: the Envoy process, and route tables translated to xDS."""
