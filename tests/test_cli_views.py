"""`gen3d views` and `gen3d label --teacher detections` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

from cli_chain import GENERATE, Run


def test_pictures_out_and_detections_in(run: Run, home: Path) -> None:
    assert run(*GENERATE).code == 0
    chairs = "runs/chair/generated"
    ended = run("views", chairs, "--out", "shots", "--views", 2, "--size", 64, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"out": "shots", "images": 6, "shapes": 3, "failures": []}
    listing = json.loads((home / "shots/images.json").read_text())
    boxes = [
        {"image_id": image["id"], "category_id": 2, "bbox": [0, 0, 64, 64], "score": 0.5} for image in listing["images"]
    ]
    (home / "shots/results.json").write_text(json.dumps(boxes))
    words = ("label", chairs, "--preset", "tiny.yaml", "--teacher", "detections", "--workers", 1)
    ended = run(*words, "--detections", "shots/results.json", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["labelled"] == 3 and [row["units"] for row in told["parts"]] == [0, 6, 0, 0]
    assert told["parts"][1]["confidence"] == 0.5 and told["parts"][1]["coverage"] > 0.3
    ended = run(*words, "--detections", "shots/results.json", "--threshold", 0.6, "--overwrite")
    assert ended.code == 3 and "none of its 3 shapes could be labelled" in ended.err
    assert run(*words).code == 2 and "needs --detections FILE" in run(*words).err
    assert run(*words, "--detections", "none.json").code == 3
    assert run("views", chairs, "--out", "shots").code == 2
