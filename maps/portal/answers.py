"""What the API answers with: the fields that a program may count on. More may stand beside them."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipeline.cases.table import Stage, Status

StageName = Literal["FOUND", "RECTIFY", "CLOSED"]
StatusName = Literal["SUSPECTED", "DISPATCHED", "RECTIFYING", "REPORTED", "CLOSED", "DISMISSED"]
assert set(get_args(StageName)) == {s.value for s in Stage}
assert set(get_args(StatusName)) == {s.value for s in Status}


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Words(BaseModel):
    """One sentence in both languages."""

    zh: str
    en: str


class Problem(BaseModel):
    status: int
    title: Words
    detail: Words
    number: str | None = Field(default=None, description="to quote to the administrator")


class Me(BaseModel):
    name: str
    role: str
    districts: list[str] = Field(description="code prefixes; empty: the whole bureau")
    pages: list[str]


class CaseRow(Open):
    """A case as ``gengxun case list --json`` shows it. Areas in m², days in Beijing, times in UTC."""

    number: str
    status: StatusName
    stage: StageName
    kind: str
    confidence: float
    urgency: float
    district_code: str
    township_code: str
    patch_m2: float
    farmland_gross_m2: float
    farmland_net_m2: float
    basic_farmland_m2: float
    lon: float
    lat: float
    geometry: dict[str, Any] = Field(description="GeoJSON, EPSG:4490, longitude first")
    found_at: str
    latest_at: str
    version: int
    due_at: str | None
    days_left: int | None
    overdue: bool


class Cases(BaseModel):
    count: int = Field(description="of all that match, whatever the limit")
    offset: int
    cases: list[CaseRow]


class CaseStory(CaseRow):
    flags: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    events: list[dict[str, Any]]


class Now(Open):
    """What is possible now, part by part, and what each step needs."""


class Run(Open):
    id: str
    at: str
    before_id: str
    after_id: str
    method: str
    farmland_m2: float
    observed_farmland_m2: float
    funnel: list[dict[str, Any]]


class Runs(BaseModel):
    count: int
    offset: int
    runs: list[Run]


class Statistics(Open):
    today: str
    since: str | None
    until: str | None
    total: dict[str, Any]
    by_district: list[dict[str, Any]]
    by_month: list[dict[str, Any]]


class Batches(BaseModel):
    batches: list[dict[str, Any]]


class LayerRow(Open):
    kind: str
    edition: str
    valid_from: str
    crs: str
    zone: str
    source_sha256: str
    features: int
    area_m2: float


class Layers(BaseModel):
    layers: list[LayerRow]


class SceneRow(Open):
    id: str
    platform: str
    acquired_at: str
    gsd_m: float
    bands: list[str]
    cloud_cover: float | None
    bounds: list[float] = Field(description="west, south, east, north in degrees")


class Scenes(BaseModel):
    scenes: list[SceneRow]


class LinkRow(Open):
    id: str
    to: str
    cases: list[str]
    state: str
    expires_at: str


class Links(BaseModel):
    links: list[LinkRow]


class User(BaseModel):
    name: str
    role: str
    districts: list[str]
    disabled: bool
    made_at: str
    seen_at: str | None


class Users(BaseModel):
    users: list[User]


class JournalLine(BaseModel):
    at: str
    kind: str
    who: str
    about: str
    address: str


class Journal(BaseModel):
    journal: list[JournalLine]


class Link(Open):
    href: str
    rel: str
    type: str | None = None
    title: str | None = None


class Landing(Open):
    title: str
    description: str
    links: list[Link]


class Conformance(BaseModel):
    conformsTo: list[str]


class Collection(Open):
    id: str
    title: str
    links: list[Link]
    itemType: Literal["feature"]
    crs: list[str]
    storageCrs: str


class Collections(Open):
    links: list[Link]
    collections: list[Collection]


class Feature(Open):
    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class FeatureCollection(Open):
    type: Literal["FeatureCollection"]
    features: list[Feature]
    links: list[Link]
    timeStamp: str
    numberMatched: int
    numberReturned: int


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Not signed in, or the token is not valid"},
    404: {"model": Problem, "description": "No such thing, or not in your area, or not for your role"},
    422: {"model": Problem, "description": "A parameter that cannot be used; detail says which"},
}
