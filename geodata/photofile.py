"""[io] Photos as they come from phones and drones: JPEG, PNG, TIFF, WebP, HEIC, read in a child process."""

from __future__ import annotations

import os

from geodata.photometa import Photo


def read_photo(path: str | os.PathLike[str], *, assumed_utc_offset_h: float = 8.0) -> Photo:
    """What the photo at ``path`` says about itself; its content decides what it is.

    assumed_utc_offset_h: the zone of a clock that names none (China has one zone).
    Raises: UnreadableFile (no photo, damaged, beyond the limits), EmptyData.
    """
    raise NotImplementedError
