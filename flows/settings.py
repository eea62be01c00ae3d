"""[io] gengxun.toml and the environment → frozen Settings; lower floors get values.

A workspace is one folder with gengxun.toml at its root: ``catalog/`` (scenes and layers),
``ledger.db``, ``evidence/``, ``inbox/``, ``site/``. It is found by walking up from the working folder.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata import atomic, limits
from geodata.catalog import Catalog
from geodata.editions import Editions
from geodata.errors import InputError
from geodata.limits import FileLimits
from geodata.ortho import MAX_RESIDUAL_PX, Ground
from maps.features import Park, park
from maps.portal.office import PortalSettings
from pipeline.cases.evidence_store import EvidenceStore
from pipeline.cases.ledger import Ledger
from pipeline.cases.standards import Standards, standards

FILE = "gengxun.toml"

TEMPLATE = """\
# 耕巡 GengXun: settings of this workspace. Every line may be left out; these are the defaults.

[bureau]
name = ""                   # 辖区名称，显示在每页的页眉; shown in the header of every page
parks = []                  # 园区，各写“代码 名称: 所辖乡镇代码”; parks, each as "430371 name: 430304001 430304002"

[inspect]
method = ""                 # multispectral, irmad, highres, logratio; empty: chosen by the bands of the pair
model = ""                  # 模型，按从这里算起的路径; of gengxun train, or net.onnx, by its path from here
max_shift_px = 3.0          # 配准偏移超过它则不比对; a pair shifted by more is refused
min_area_m2 = 0.0           # 最小图斑面积; 0: by the ground sampling distance of the scene
workers = 0                 # 用几个进程比对，0 为本进程的线程; processes that compare; 0: threads of this one
dask = ""                   # 或交给 Dask 集群，写调度器地址; or a Dask cluster: tcp://host:8786 of its scheduler

[imagery]                   # 未投影的 L1A 影像（带 RPC）怎样正射，怎样判云; images with RPC, clouds
dem = ""                    # 高程模型，按从这里算起的路径; elevation model (GeoTIFF), by its path from here
dem_heights = ""            # 其高程从何起算：ellipsoidal 椭球高，orthometric 正常高; what its heights are above
geoid_m = nan               # 当地高程异常（米），湘潭约 -17; geoid above the ellipsoid, for orthometric heights
reference = ""              # 配准用的正射影像或场景编号; orthomosaic or scene id that images are tied to
max_residual_px = 1.5       # 配准后残差超过它则拒绝; an image that lies further off after tying is refused
clouds = "builtin"          # 没有云掩膜的影像怎样判云：builtin 内置、off 不判; clouds of a scene without a mask

[inbox]
satellite = "inbox/satellite"
drone = "inbox/drone"
settle_s = 30.0             # 文件这么久没有变化才读; a file must have been still for so long

[schedule]                  # cron, Beijing time; empty: not scheduled
ingest = "*/15 * * * *"
inspect = "0 3 * * *"
recheck = "30 4 * * *"
publish = "30 5 * * *"
remind = "0 8 * * *"

[case]
remind_days = 7             # 提前几天提醒; a reminder names what is due within so many days
visits_week = 0             # 一周能实地核查几处；0 为不说; ground checks a week, said beside new cases; 0: not said
point_radius_m = 20.0       # 只有坐标点的线索按此半径成圆; a clue that is a point becomes a circle of it

[ledger]
url = ""                    # 空：ledger.db; else a PostGIS database, as postgresql://gengxun@host/gengxun

[portal]
host = "127.0.0.1"          # 只在本机；内网用 0.0.0.0，并配 https; this machine only; the intranet: 0.0.0.0 and https
port = 8600
public_url = ""             # 手机打开的地址; what phones open, as https://gengxun.example
workers = 1
idle_minutes = 30           # 无操作多久后须重新登录; a sign-in ends after so long without use
session_hours = 12
link_days = 7               # 外业链接默认有效天数; days that a field link lives
link_photos = 1000          # 一个外业链接最多收的照片数; photos that come through one field link, at most
link_mb = 8000              # 和总大小; and their size together
navigation = false          # 允许把取整后的路口点交给导航; hand a rounded point to a navigation app
declination_deg = -4.4      # 磁偏角，东为正; of the compass, east positive
proxy = false               # 前面有反向代理; a proxy in front tells address and scheme

[notify]
urls = []                   # Apprise 地址：企业微信、钉钉、飞书、邮件、短信; empty: nothing leaves
reminders = false           # 定时提醒也外发，只有编号和期限; the scheduled flow sends what is due

[limits]                    # 外来文件不得超过; what a file from outside may claim and cost
pixels = 4000000000         # 影像一个波段的像元数; of one band of an image
block_mb = 256              # 影像的一块; one block of an image, all bands
bands = 512
photo_pixels = 300000000    # 照片; of a photo
features = 50000000         # 图层的图斑数; of a layer
vertices = 2000000000       # 图层的节点数; of a layer
vertices_each = 5000000     # 一个图斑的节点数; of one shape
columns = 2000
layers = 1000               # 一个文件的图层数; of one file
text_kb = 1024              # 一段文字; of one text
nesting = 64                # JSON、XML 的嵌套层数; levels of JSON and XML
members = 20000             # 压缩包的成员数; of an archive
unpacked_gb = 64.0          # 压缩包解开后; an archive unpacked
ratio = 200                 # 以及是自身大小的几倍; and how many times its own size
seconds = 7200              # 读一个文件的子进程; of the process that reads one file
memory_gb = 6.0
drivers = []                # 影像另外允许的 GDAL 驱动，只在子进程里打开; more GDAL drivers for images, in a child

[prefect]
api_url = ""                # a running Prefect server; empty: a temporary one on this machine
port = 4210                 # of the server that `gengxun schedule` starts (127.0.0.1 only)
"""


@dataclass(frozen=True)
class Bureau:
    """parks: each as "code name: codes of its townships"."""

    name: str = ""
    parks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Inspect:
    method: str = ""
    model: str = ""
    max_shift_px: float = 3.0
    min_area_m2: float = 0.0
    workers: int = 0
    dask: str = ""


@dataclass(frozen=True)
class Imagery:
    """dem, reference: paths from the workspace (reference: or a scene id); dem_heights, geoid_m: see ``Ground``;
    "" and NaN: not said. clouds: how clouds are told where a delivery has no mask (``flows.clouds.WAYS``)."""

    dem: str = ""
    dem_heights: str = ""
    geoid_m: float = math.nan
    reference: str = ""
    max_residual_px: float = MAX_RESIDUAL_PX
    clouds: str = "builtin"


@dataclass(frozen=True)
class Inbox:
    satellite: str = "inbox/satellite"
    drone: str = "inbox/drone"
    settle_s: float = 30.0


@dataclass(frozen=True)
class Schedule:
    ingest: str = "*/15 * * * *"
    inspect: str = "0 3 * * *"
    recheck: str = "30 4 * * *"
    publish: str = "30 5 * * *"
    remind: str = "0 8 * * *"


@dataclass(frozen=True)
class CaseWork:
    """remind_days: how far a reminder looks ahead. visits_week: ground checks that the office manages, 0: not said.
    point_radius_m: of the circle that a clue without outline gets."""

    remind_days: int = 7
    visits_week: int = 0
    point_radius_m: float = 20.0


@dataclass(frozen=True)
class LedgerPlace:
    """url: of SQLAlchemy; empty: ``ledger.db`` of the workspace."""

    url: str = ""


@dataclass(frozen=True)
class Notify:
    """urls: of Apprise. Only these are ever asked to take a message out. reminders: also by the flow ``remind``."""

    urls: list[str] = field(default_factory=list)
    reminders: bool = False


@dataclass(frozen=True)
class Prefect:
    api_url: str = ""
    port: int = 4210


@dataclass(frozen=True)
class Settings:
    bureau: Bureau = field(default_factory=Bureau)
    inspect: Inspect = field(default_factory=Inspect)
    imagery: Imagery = field(default_factory=Imagery)
    inbox: Inbox = field(default_factory=Inbox)
    schedule: Schedule = field(default_factory=Schedule)
    case: CaseWork = field(default_factory=CaseWork)
    ledger: LedgerPlace = field(default_factory=LedgerPlace)
    portal: PortalSettings = field(default_factory=PortalSettings)
    notify: Notify = field(default_factory=Notify)
    limits: FileLimits = field(default_factory=FileLimits)
    prefect: Prefect = field(default_factory=Prefect)


def read(path: Path) -> Settings:
    """The settings in ``path``. Raises: InputError naming the key that is unknown or of a wrong type."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("{path}: cannot be read as TOML: {error}; mend that line.", path=path, error=error) from None
    sections: dict[str, Any] = {}
    known = {f.name: f.default_factory for f in fields(Settings)}
    for name, table in document.items():
        if name not in known or not isinstance(table, dict):
            raise InputError(
                "{path}: [{name}] is no section; known are {known}.", path=path, name=name, known=", ".join(known)
            )
        sections[name] = _section(path, name, known[name](), table)  # type: ignore[operator]
    return Settings(**sections)


def _section(path: Path, name: str, default: Any, table: dict[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for key, given in table.items():
        if not hasattr(default, key):
            raise InputError(
                "{path}: [{name}] has no setting {key}; known are {known}.",
                path=path,
                name=name,
                key=key,
                known=", ".join(f.name for f in fields(default)),
            )
        wanted = type(getattr(default, key))
        whole = wanted is float and isinstance(given, int) and not isinstance(given, bool)
        value = float(given) if whole else given
        if type(value) is not wanted:
            raise InputError(
                "{path}: [{name}] {key} is {value}; it must be of type {wanted}.",
                path=path,
                name=name,
                key=key,
                value=value,
                wanted=wanted.__name__,
            )
        values[key] = value
    return type(default)(**values)


@dataclass(frozen=True)
class Workspace:
    """One folder and what is in it; the doors open when they are asked for."""

    root: Path
    settings: Settings

    @property
    def parks(self) -> tuple[Park, ...]:
        return tuple(park(told) for told in self.settings.bureau.parks)

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.root / "catalog")

    def ground(self, pansharpen: bool = False, **said: Any) -> Ground:
        """What images with RPC are laid on and tied to: as said, else as the settings have it. None: not said."""
        known = self.settings.imagery
        for name in ("dem", "reference"):
            if said.get(name) is None and (self.root / getattr(known, name)).is_file():
                said[name] = str(self.root / getattr(known, name))
        given = {name: value for name, value in said.items() if value is not None}
        kept = {key: value for key, value in asdict(known).items() if key != "clouds"}
        return Ground(pansharpen=pansharpen, **{**kept, **given})

    @property
    def editions(self) -> Editions:
        return Editions(self.root / "catalog" / "layers")

    @property
    def ledger(self) -> Ledger:
        url = self.settings.ledger.url
        try:
            return Ledger(url or self.root / "ledger.db", rules=self.rules)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise InputError(
                "{path}: [ledger] url cannot be used ({error}); write one as postgresql://name@host/database.",
                path=self.root / FILE,
                error=" ".join(str(error).split())[:200],
            ) from None

    @property
    def evidence(self) -> EvidenceStore:
        return EvidenceStore(self.root / "evidence")

    def rules(self, day: date) -> Standards:
        """What is in force on a day, the office's own ``law/`` included."""
        return standards(day, self.root / "law")

    @property
    def site(self) -> Path:
        return self.root / "site"


def open_workspace(root: Path) -> Workspace:
    """Its limits on files hold from now on in this process and its children."""
    settings = read(root / FILE)
    limits.use(settings.limits)
    return Workspace(root, settings)


def find(start: Path | None = None) -> Workspace:
    """The workspace that ``start`` (the working folder) lies in. Raises: InputError."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return open_workspace(folder)
    raise InputError(
        "{path}: not inside a workspace (no gengxun.toml here or above); make one with: gengxun init DIR", path=start
    )


def init(root: Path, name: str = "") -> tuple[Workspace, bool]:
    """A new workspace in ``root``; (workspace, made now). A workspace that stands is left unchanged.

    Raises: InputError if ``root`` is anything else that is not empty.
    """
    root = root.resolve()
    if (root / FILE).is_file():
        return open_workspace(root), False
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError("{path}: is not an empty folder; name a new or empty one.", path=root)
    return make(root, name), True


def make(root: Path, name: str = "") -> Workspace:
    """The files of a new workspace in ``root``. Raises: InputError if it cannot be written to."""
    try:
        for folder in ("catalog", "inbox/satellite", "inbox/drone"):
            (root / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "{path}: cannot be made ({error}); name a folder you may write to.", path=root, error=error.strerror
        ) from None
    text = TEMPLATE if not name else TEMPLATE.replace('name = ""', f"name = {json.dumps(name, ensure_ascii=False)}", 1)
    atomic.write_bytes(root / FILE, text.encode())
    workspace = open_workspace(root)
    workspace.ledger.close()
    return workspace


def engine_environment(root: Path) -> dict[str, str]:
    """What Prefect must find in the environment before it is imported: no call to the outside."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": os.environ.get("PREFECT_LOGGING_LEVEL", "CRITICAL"),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_HOME": str(root / ".prefect"),
    }
