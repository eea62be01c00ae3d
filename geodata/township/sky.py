"""What stands between ground and sensor: sun, haze, clouds with their shadows, noise; and the quality
band that a processor would derive, with its own coarseness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.township.land import Floats, Relief, generator, noise, ramp

LATITUDE_DEG, LONGITUDE_DEG = 27.87, 112.5
CLOUD_HEIGHT_M = 900.0
HAZE = np.array([1.0, 0.78, 0.58, 0.24, 0.07, 0.03], np.float32)
"""Path reflectance by band, relative to blue."""
CLOUD = np.array([0.62, 0.62, 0.63, 0.66, 0.52, 0.42], np.float32)
UNDER_SHADOW = np.array([0.46, 0.38, 0.32, 0.28, 0.22, 0.20], np.float32)
"""Light that is left in a full shadow, by band."""
NOISE = np.array([0.0011, 0.0012, 0.0013, 0.0022, 0.0020, 0.0020], np.float32)

NODATA, DARK, SHADOW, VEGETATION, BARE, WATER, UNCLEAR, CLOUD_MEDIUM, CLOUD_HIGH, CIRRUS = 0, 2, 3, 4, 5, 6, 7, 8, 9, 10


@dataclass(frozen=True)
class Weather:
    """cover: share of the scene under cloud; haze: path reflectance in blue; shift_m: (east, north)
    by which the image is misplaced; edge: share of the scene cut off by the edge of the swath."""

    cover: float
    haze: float
    shift_m: tuple[float, float]
    edge: float = 0.0


def sun(at: datetime) -> tuple[float, float]:
    """Elevation and azimuth (clockwise from north) in degrees; the usual approximation, good to 1°."""
    day = at.timetuple().tm_yday
    tilt = np.radians(23.45 * np.sin(2 * np.pi * (284 + day) / 365))
    hour = np.radians(15 * (at.hour + at.minute / 60 + LONGITUDE_DEG / 15 - 12))
    north = np.radians(LATITUDE_DEG)
    height = np.arcsin(np.sin(north) * np.sin(tilt) + np.cos(north) * np.cos(tilt) * np.cos(hour))
    ahead = np.sin(tilt) * np.cos(north) - np.cos(tilt) * np.sin(north) * np.cos(hour)
    azimuth = np.arctan2(-np.cos(tilt) * np.sin(hour), ahead)
    return float(np.degrees(height)), float(np.degrees(azimuth) % 360)


def shade(ground: Relief, at: datetime) -> Floats:
    """Light on the slopes relative to level ground, on the relief's grid."""
    elevation, azimuth = (np.radians(v) for v in sun(at))
    down, right = np.gradient(cv2.GaussianBlur(ground.height, (0, 0), 3), 4.0)
    east, north = -right, down
    facing = np.sin(elevation) + np.cos(elevation) * (east * np.sin(azimuth) + north * np.cos(azimuth))
    direct = facing / np.sqrt(1 + east**2 + north**2) / np.sin(elevation)
    return (0.32 + 0.68 * np.clip(direct, 0.1, 1.9)).astype(np.float32)


def clouds(seed: int, at: datetime, weather: Weather, size: int, pixel_m: float) -> tuple[Floats, Floats]:
    """Opacity of the clouds and depth of their shadows, 0 to 1, both (size, size)."""
    if weather.cover <= 0:
        return np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    rng = generator(seed, 3000 + at.toordinal())
    elevation, azimuth = (np.radians(v) for v in sun(at))
    reach = CLOUD_HEIGHT_M / np.tan(elevation) / pixel_m
    pad = int(np.ceil(reach)) + 2
    wide = size + 2 * pad
    puffs = noise(rng, wide, 95, 6)
    middle = puffs[pad : pad + size, pad : pad + size]
    bottom = np.quantile(middle, 1 - weather.cover)
    opacity = ramp(puffs, bottom - 0.12, bottom + 0.75) ** 1.3
    right, down = -np.sin(azimuth) * reach, np.cos(azimuth) * reach
    moved = cv2.warpAffine(
        opacity.astype(np.float32), np.array([[1, 0, right], [0, 1, down]]), (wide, wide), borderMode=cv2.BORDER_REFLECT
    )
    moved = cv2.GaussianBlur(moved, (0, 0), 1.2)
    inner = np.s_[pad : pad + size, pad : pad + size]
    return opacity[inner].astype(np.float32), np.ascontiguousarray(moved[inner])


def seen_through(seed: int, at: datetime, weather: Weather, ground: Floats, opacity: Floats, shadow: Floats) -> Floats:
    """Reflectance as delivered: (band, y, x) of ``ground`` under shadows, haze, clouds and noise."""
    rng = generator(seed, 4000 + at.toordinal())
    size = ground.shape[1]
    air = weather.haze * (1 + 0.45 * noise(rng, size, 240, 2)).clip(0.3, 2)
    body = 0.88 + 0.1 * noise(rng, size, 30, 4)
    result = np.empty_like(ground)
    for band in range(len(ground)):
        light = 1 - shadow * (1 - UNDER_SHADOW[band])
        value = ground[band] * light
        value = value * (1 - air * HAZE[band]) + air * HAZE[band]
        value = value * (1 - opacity) + opacity * CLOUD[band] * body
        grain = rng.standard_normal((size, size), dtype=np.float32)
        result[band] = value + NOISE[band] * grain * (0.6 + np.sqrt(np.clip(value, 0, 1)))
    return result


def quality(seen: Floats, opacity: Floats, shadow: Floats, outside: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Scene classification with the codes of Sentinel-2, decided at 20 m and doubled to 10 m."""
    size = seen.shape[1]
    half = (size // 2, size // 2)

    def coarse(values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.float32)

    green, red, nir, cloud, dark = (coarse(v) for v in (seen[1], seen[2], seen[3], opacity, shadow))
    ndvi = (nir - red) / np.maximum(nir + red, 1e-3)
    code = np.full(half, BARE, np.uint16)
    code[ndvi > 0.4] = VEGETATION
    code[(ndvi < 0.05) & (green < 0.14)] = WATER
    code[(nir < 0.11) & (code != WATER)] = DARK
    code[dark > 0.10] = SHADOW
    grown = cv2.dilate(cloud, np.ones((3, 3), np.uint8))
    code[grown > 0.015] = CIRRUS
    code[grown > 0.10] = CLOUD_MEDIUM
    code[cloud > 0.5] = CLOUD_HIGH
    full = np.asarray(cv2.resize(code, (size, size), interpolation=cv2.INTER_NEAREST), np.uint16)
    full[outside] = NODATA
    return full


def outside_swath(weather: Weather, size: int) -> NDArray[np.bool_]:
    """Pixels beyond the slanting edge of the swath, in the north-west corner."""
    y, x = np.mgrid[0:size, 0:size]
    return (x + 0.28 * y) < weather.edge * size
