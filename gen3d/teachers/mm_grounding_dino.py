"""MM Grounding DINO (Zhao et al., 2024): Grounding DINO trained anew on more data; asked and read in the same way."""

from __future__ import annotations

from typing import Any, ClassVar

from gen3d.hub import Weights
from gen3d.teachers.grounding_dino import FILES, GroundingDinoTeacher


class MMGroundingDinoTeacher(GroundingDinoTeacher):
    """See `GroundingDinoTeacher`."""

    name = "mm-grounding-dino"
    MODELS: ClassVar = {
        "tiny": Weights(
            "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det", "main", FILES, 690, "Apache-2.0"
        ),
        "base": Weights("openmmlab-community/mm_grounding_dino_base_all", "main", FILES, 930, "Apache-2.0"),
        "large": Weights("openmmlab-community/mm_grounding_dino_large_all", "main", FILES, 1370, "Apache-2.0"),
    }

    def _network(self) -> type[Any]:
        from transformers import MMGroundingDinoForObjectDetection

        return MMGroundingDinoForObjectDetection
