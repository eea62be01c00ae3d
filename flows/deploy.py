"""[io] Schedules: the flows of one workspace, served on cron from gengxun.toml until stopped."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flows import engine
from flows.settings import FILE, Workspace, engine_environment
from geodata import atomic
from geodata.errors import InputError

TIMEZONE = "Asia/Shanghai"
SCHEDULED = ("ingest", "inspect", "recheck", "publish", "remind")


@contextmanager
def server(office: Workspace) -> Iterator[str]:
    """The Prefect server of this workspace: a running one, else ours, noted so that others use it."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")  # what runs when is what one wants to read here
    os.environ.update(engine_environment(office.root))
    running = engine.running_server(office)
    if running:
        os.environ["PREFECT_API_URL"] = running
        yield running
        return
    engine.check_loopback()
    _check_port(office)
    home = office.root / ".prefect" / "server"
    home.mkdir(parents=True, exist_ok=True)
    note = office.root / ".prefect" / "server.json"
    with engine.hosted(home, office.settings.prefect.port) as url:
        atomic.write_bytes(note, json.dumps({"url": url, "pid": os.getpid()}).encode())
        os.environ["PREFECT_API_URL"] = url
        try:
            yield url
        finally:
            note.unlink(missing_ok=True)


def _check_port(office: Workspace) -> None:
    """Raises: InputError if the port is held: whoever answers there would be taken for our server."""
    port = office.settings.prefect.port
    try:
        with socket.socket() as probe:
            if os.name == "posix":  # as the server itself binds; elsewhere it would share a port in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise InputError(
            "{path}: [prefect] port = {port} cannot be used ({error}); write a free one, as 4211.",
            path=office.root / FILE,
            port=port,
            error=getattr(error, "strerror", None) or error,
        ) from None


def plans(office: Workspace) -> dict[str, str]:
    """{flow: cron} of what is scheduled. Raises: InputError naming a cron line that is none, or if all are empty."""
    from cronsim import CronSim, CronSimError

    wanted = {name: getattr(office.settings.schedule, name) for name in SCHEDULED}
    for name, cron in wanted.items():
        if not cron:
            continue
        try:
            CronSim(cron, datetime(2026, 1, 1))
        except CronSimError:
            raise InputError(
                '{path}: [schedule] {name} = "{cron}" is no cron line; write five fields, as 0 3 * * *.',
                path=office.root / FILE,
                name=name,
                cron=cron,
            ) from None
    planned = {name: cron for name, cron in wanted.items() if cron}
    if not planned:
        raise InputError(
            '{path}: [schedule] has no cron line; write one, as inspect = "0 3 * * *".', path=office.root / FILE
        )
    return planned


def schedule(office: Workspace) -> None:
    """Serve the flows until stopped; call inside ``server()``."""
    from prefect import serve
    from prefect.schedules import Cron

    from flows.ingest import ingest
    from flows.inspect import inspect
    from flows.publish import publish
    from flows.recheck import recheck
    from flows.remind import remind

    flows: dict[str, Any] = {
        "ingest": ingest,
        "inspect": inspect,
        "recheck": recheck,
        "publish": publish,
        "remind": remind,
    }
    planned, name = plans(office), deployment_name(office)
    for flow in flows:
        _forget_missed(flow, name)
    serve(
        *(
            flows[flow].to_deployment(
                name=name,
                schedule=Cron(cron, timezone=TIMEZONE),
                parameters={"workspace": str(office.root)},
                tags=["gengxun"],
            )
            for flow, cron in planned.items()
        ),
        pause_on_shutdown=False,
        print_starting_message=False,
    )


def deployment_name(office: Workspace) -> str:
    """Of this workspace alone: several may share one Prefect server, and a name says whose runs they are."""
    folder = re.sub(r"[/%&<>]", "_", office.root.name)
    return f"{folder}-{hashlib.sha256(str(office.root).encode()).hexdigest()[:8]}"


def _forget_missed(flow: str, deployment: str) -> None:
    """Of the runs that fell due while nobody served keep the last: one run does all that waits."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    due: dict[str, Any] = {"before_": datetime.now(UTC)}
    wanted: dict[str, Any] = {
        "flow_filter": filters.FlowFilter(name=filters.FlowFilterName(any_=[flow])),
        "deployment_filter": filters.DeploymentFilter(name=filters.DeploymentFilterName(any_=[deployment])),
        "flow_run_filter": filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=filters.FlowRunFilterExpectedStartTime(**due),
        ),
    }
    with get_client(sync_client=True) as client:
        while missed := client.read_flow_runs(**wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=200)[1:]:
            for run in missed:
                client.delete_flow_run(run.id)
