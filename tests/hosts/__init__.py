"""Machines for tests and demonstrations: real sshd hosts in namespaces, to be cut, frozen and powered off."""

from tests.hosts.cluster import Hosts, ssh_hosts, why_impossible
from tests.hosts.host import Host

__all__ = ["Host", "Hosts", "ssh_hosts", "why_impossible"]
