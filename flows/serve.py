"""[io] A workspace served as the portal: its doors opened once a worker, and uvicorn around them."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flows.settings import Workspace, open_workspace
from flows.splitting import parts_from
from geodata.errors import WorkError
from maps.portal.app import create_app
from maps.portal.office import Office
from maps.portal.store import Store

WORKSPACE = "GENGXUN_WORKSPACE"
log = logging.getLogger("gengxun.notify")


def store_of(workspace: Workspace) -> Store:
    return Store(workspace.root / "portal.db")


def office_of(workspace: Workspace) -> Office:
    """Everything the portal works with. The ledger stays open until the process ends."""
    return Office(
        root=workspace.root,
        name=workspace.settings.bureau.name,
        ledger=workspace.ledger,
        evidence=workspace.evidence,
        catalog=workspace.catalog,
        editions=workspace.editions,
        rules=workspace.rules,
        portal=workspace.settings.portal,
        store=store_of(workspace),
        clock=lambda: datetime.now(UTC),
        parts_from=partial(parts_from, workspace),
        notify=notifier(workspace.settings.notify.urls),
        version=version("gengxun"),
        parks=workspace.parks,
        notifies=bool(workspace.settings.notify.urls),
        visits_week=workspace.settings.case.visits_week,
    )


def notifier(urls: Sequence[str]) -> Callable[[str, str], None]:
    """(title, text) → every channel that the settings name, and no other. Raises: WorkError if one refuses.

    The addresses hold secrets: no message and no log shows them.
    """

    def send(title: str, text: str) -> None:
        if not urls:
            return
        import apprise

        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        channels = apprise.Apprise()
        taken = [channels.add(url) for url in urls]
        if not all(taken):
            raise WorkError("[notify] url {n} is of no kind that is known; mend it in gengxun.toml.",
                            n=taken.index(False) + 1)  # fmt: skip
        if not channels.notify(title=title, body=text):
            raise WorkError("The message did not reach every channel of [notify]; hand the link over in another way.")

    return send


def app() -> Any:
    """For uvicorn, once a worker."""
    said = logging.StreamHandler()
    said.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("gengxun").addHandler(said)
    logging.getLogger("gengxun").setLevel(logging.INFO)
    return create_app(office_of(open_workspace(Path(os.environ[WORKSPACE]))))


def check_port(host: str, port: int) -> None:
    """Raises: WorkError where it cannot be listened on."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as tried:
            if os.name == "posix":
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except OSError as error:
        raise WorkError(
            "{host}:{port}: cannot be listened on ({why}); stop what holds it, or give another --port.",
            host=host,
            port=port,
            why=error.strerror or error,
        ) from None


def serve(workspace: Workspace, host: str, port: int, workers: int) -> None:
    """Until it is stopped. Raises: WorkError where the port is taken."""
    import uvicorn

    check_port(host, port)
    os.environ[WORKSPACE] = str(workspace.root)
    uvicorn.run(
        "flows.serve:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        timeout_worker_healthcheck=60,  # a worker that is busy for 5 s, uvicorn's default, is not dead
        log_level="warning",
        access_log=False,  # ours (maps.portal.headers) shows no query and no link
        server_header=False,
        proxy_headers=False,  # who is believed about the address stands in [portal] proxy
    )
