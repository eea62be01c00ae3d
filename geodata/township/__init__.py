"""A township that can be computed: its ground, its seasons, its sky, and the truth about what changed.

Everything is invented: boundaries, names, parcels, images. The place is near 112.5° E, where two 3°
zones meet; county codes are real, the township and village names say 示意.
"""

from geodata.township.build import SEED, LayerFile, SceneFile, Township, build
from geodata.township.events import KINDS, Score, TruthEvent, score

__all__ = ["KINDS", "SEED", "LayerFile", "SceneFile", "Score", "Township", "TruthEvent", "build", "score"]
