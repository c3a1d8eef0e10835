"""The one place that names concrete adapters: builds a controller of real parts and runs it as a process."""

import asyncio
import contextlib
import fcntl
import getpass
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from skyserve.api.app import create_app
from skyserve.api.metrics import metrics_app
from skyserve.api.server import serve, serve_on_port
from skyserve.contracts.errors import StateUnusable
from skyserve.contracts.infra import Infra
from skyserve.controller.certificates import Certificates
from skyserve.controller.clock import SystemClock
from skyserve.controller.controller import Controller
from skyserve.controller.fleet import Fleet
from skyserve.controller.operations import ControllerOperations
from skyserve.controller.world import World
from skyserve.endpoint.router import EnvoyRouter
from skyserve.infra.local.infra import local_infra
from skyserve.infra.ssh.infra import ssh_infras
from skyserve.model.error import ServeError
from skyserve.model.home import Home
from skyserve.probe.http import HttpProber
from skyserve.spec.config import Config, parse_config
from skyserve.spec.errors import SpecError
from skyserve.store.content import FileContentStore
from skyserve.store.opening import open_store

log = logging.getLogger(__name__)

LOG_BYTES = 10 * 2**20
"""The controller's log is begun anew at this size; one old one is kept."""
IDLE_CHECK_SECONDS = 1.0
LEAST_IDLE_SECONDS = 5.0
"""However short a time is configured: a command that started the controller must find it alive."""


def read_config(home: Home) -> Config:
    """The user's settings; the defaults if there are none. Raises SpecError, OSError."""
    text = home.config.read_text() if home.config.exists() else ""
    return parse_config(text, filename=str(home.config))


def discovery(home: Home) -> Callable[[], Sequence[Infra]]:
    """A function that names the infras of this installation, and reads ssh_node_pools.yaml again when it changes.

    It raises SpecError for a file with mistakes, but not the first time: what runs elsewhere is to be looked after
    whatever that file says.
    """
    local = local_infra(home.local_machine)
    read: list[tuple[float, Sequence[Infra]]] = []

    def discover() -> Sequence[Infra]:
        path = home.ssh_node_pools
        changed = path.stat().st_mtime if path.exists() else 0.0
        try:
            if not read or read[-1][0] != changed:
                read[:] = [(changed, ssh_infras(home) if changed else ())]
        except SpecError as error:
            if read:
                raise
            log.error("%s", error)
            read[:] = [(-1.0, ())]
        return [local, *read[-1][1]]

    return discover


def user_name() -> str:
    """Who runs the controller; the number of a user who has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


async def run_controller(home: Home) -> None:
    """Run until there has been no service for the configured time, or a signal or `sky api stop` ends it."""
    config = read_config(home)
    for unused in config.unused:
        log.warning("%s", unused)
    clock = SystemClock()
    store = await open_store(home.database)
    owner = await store.owner()
    router = EnvoyRouter(home.endpoint, base_port=config.endpoint_port, traces=config.traces)
    prober = HttpProber()
    fleet = Fleet(discovery(home), owner, clock)
    content = FileContentStore(home.content)
    certificates = Certificates(home.certificates, clock)
    world = World(home, store, content, fleet, router, prober, certificates, clock, owner, user_name())
    controller = Controller(world)
    operations = ControllerOperations(controller)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, operations.stopping.set)
    idle = asyncio.create_task(_stop_when_idle(controller, operations, config.idle_seconds))
    metrics = asyncio.create_task(_serve_metrics(operations, config.metrics_port))
    try:
        await controller.start()
        await serve(create_app(operations), home.api_socket, operations.stopping)
    finally:
        idle.cancel()
        operations.stopping.set()
        await metrics
        await controller.close()
        await (router.shut_down() if controller.empty_since is not None else router.close())
        await prober.close()
        await fleet.close()
        await store.close()


async def _serve_metrics(operations: ControllerOperations, port: int | None) -> None:
    """On the port too, if there is to be one. A port that another program holds is no reason not to serve requests."""
    if port is None:
        return
    try:
        await serve_on_port(metrics_app(operations), port, operations.stopping)
    except OSError as error:
        log.error("the metrics are not served on port %d: %s; set another: serve.controller.metrics_port", port, error)


async def _stop_when_idle(controller: Controller, operations: ControllerOperations, seconds: float | None) -> None:
    """An installation without services needs no processes. None: it stays for ever."""
    clock = controller.world.clock
    while seconds is not None:
        await clock.sleep(IDLE_CHECK_SECONDS)
        patience = max(seconds, LEAST_IDLE_SECONDS)
        since = None if operations.admitting else controller.empty_since
        if since is not None and clock.now() - since >= patience:
            log.info("no service for %g s: the controller stops", seconds)
            operations.stopping.set()
            return


@contextlib.contextmanager
def only_one(home: Home) -> Iterator[bool]:
    """Hold the installation's lock; False if another controller holds it."""
    home.serve.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(home.controller_lock, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield True


def _log_to(home: Home) -> None:
    old_umask = os.umask(0o077)
    handler = logging.handlers.RotatingFileHandler(home.controller_log, maxBytes=LOG_BYTES, backupCount=1)
    os.umask(old_umask)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("httpx", "httpcore", "asyncssh", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def main() -> int:
    """The controller's process. 0: ended as asked, or another one runs already; 1: it could not run."""
    home = Home.of(os.environ)
    with only_one(home) as mine:
        if not mine:
            return 0
        _log_to(home)
        try:
            asyncio.run(run_controller(home))
        except (SpecError, ServeError, StateUnusable, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0
