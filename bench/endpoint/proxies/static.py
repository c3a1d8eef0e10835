"""Proxies with a file of settings: what a bare Envoy, nginx and HAProxy need to spread requests, and no more.

Each gets one worker, since it has one core, and as many connections and keep-alives as the load asks for.
"""

import json
import os
import signal
from collections.abc import Sequence

from bench.endpoint import peers
from bench.endpoint.program import Program
from bench.endpoint.proxies.proxy import Proxy
from skyserve.endpoint.starting import binary
from skyserve.endpoint.translate.naming import Json, extension


class BareEnvoy(Proxy):
    """The settings that Envoy's own introduction begins with."""

    name = "bare Envoy"

    @classmethod
    def missing(cls) -> str | None:
        return None

    def launch(self, replicas: Sequence[int]) -> Program:
        file = self.folder / "envoy.json"
        file.write_text(json.dumps(self.settings(replicas)))
        return self.run(binary(), "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")

    def settings(self, replicas: Sequence[int]) -> Json:
        """What it is started with."""
        cluster = {
            "name": "replicas",
            "type": "STATIC",
            "lb_policy": "LEAST_REQUEST",
            "load_assignment": {
                "cluster_name": "replicas",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(replica)}} for replica in replicas]}],
            },
        }
        filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": self.manager()}]
        listener = {"address": _address(self.port), "filter_chains": [{"filters": filters}]}
        return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}

    def manager(self) -> Json:
        """Of connections."""
        router = extension("filters.http.router.v3.Router")
        return {
            "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "bare",
            "route_config": {
                "virtual_hosts": [
                    {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": self.route()}]}
                ]
            },
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        }

    def route(self) -> Json:
        """Of every request."""
        return {"cluster": "replicas", "timeout": "0s"}


class Nginx(Proxy):
    """Without it, the fastest that Debian has."""

    name = "nginx"
    changes = True

    @classmethod
    def missing(cls) -> str | None:
        return None if peers.command("nginx") else "nginx"

    def launch(self, replicas: Sequence[int]) -> Program:
        self._write(replicas)
        nginx = peers.command("nginx")
        assert nginx is not None
        return self.run(nginx, "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "log")

    def change(self, replicas: Sequence[int]) -> None:
        self._write(replicas)
        self.program.signal(signal.SIGHUP)

    def _write(self, replicas: Sequence[int]) -> None:
        servers = "\n".join(f"    server 127.0.0.1:{port};" for port in replicas)
        # Otherwise its worker is an ordinary user, to whom this folder is closed.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            _NGINX % {"servers": servers, "port": self.port, "folder": self.folder, "user": user}
        )


class Haproxy(Proxy):
    """The one that is measured by others most."""

    name = "HAProxy"
    changes = True

    @classmethod
    def missing(cls) -> str | None:
        return None if peers.command("haproxy") else "haproxy"

    def launch(self, replicas: Sequence[int]) -> Program:
        self._write(replicas)
        haproxy = peers.command("haproxy")
        assert haproxy is not None
        return self.run(haproxy, "-W", "-f", self.folder / "haproxy.cfg")

    def change(self, replicas: Sequence[int]) -> None:
        self._write(replicas)
        self.program.signal(signal.SIGUSR2)

    def _write(self, replicas: Sequence[int]) -> None:
        servers = "\n".join(f"  server s{port} 127.0.0.1:{port}" for port in replicas)
        (self.folder / "haproxy.cfg").write_text(_HAPROXY % {"servers": servers, "port": self.port})


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


_NGINX = """\
daemon off;
%(user)s
worker_processes 1;
error_log stderr error;
pid %(folder)s/nginx.pid;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  upstream replicas {
    least_conn;
%(servers)s
    keepalive 1024;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
"""

_HAPROXY = """\
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-keep-alive
  http-reuse always
  option http-no-delay
  timeout connect 5s
  timeout client 900s
  timeout server 900s
frontend all
  bind 127.0.0.1:%(port)d backlog 4096
  default_backend replicas
backend replicas
  balance leastconn
%(servers)s
"""
