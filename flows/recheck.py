"""[io] Re-check: each later scene over a part is compared with the time before, the occupation, and real fields.

It proposes; people accept.
"""

from __future__ import annotations

from datetime import datetime

from flows.settings import Workspace
from pipeline.cases.case import Case
from pipeline.dating import StartInterval
from pipeline.lookalikes import Lookalike
from pipeline.recheck import Recheck


def recheck_case(office: Workspace, case: Case, part: str, since: datetime) -> list[Recheck]:
    """One verdict for each scene over the part that is later than ``since``, oldest first."""
    return []


def date_case(office: Workspace, case: Case, part: str = "") -> StartInterval:
    """When the occupation began, from all scenes held over the part."""
    raise NotImplementedError


def lookalikes_of(office: Workspace, case: Case, part: str = "") -> list[Lookalike]:
    """Farmland nearby that changed in the same way and is not flagged, most alike first."""
    return []
