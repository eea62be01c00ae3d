"""[io] Reminders as a flow: every morning, what is due by district and person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.reminding import run, scheduled
from flows.settings import open_workspace


@flow(name="remind", persist_result=False, validate_parameters=True)
def remind(workspace: Path) -> dict[str, Any]:
    """Count provisional days again, then say what is due; to the channels of [notify] only where it says
    ``reminders = true``. Returns the document of ``remind --json``. Raises: WorkError if a channel refuses."""
    office = open_workspace(workspace)
    found = run(office)
    _publish(found)
    scheduled(office, found)
    return found


def _publish(found: dict[str, Any]) -> None:
    names = ("district_name", "person", "number", "part", "what", "on", "days_left", "provisional")
    create_table_artifact([{key: row[key] for key in names} for row in found["reminders"]], key="reminders")
