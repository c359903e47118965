"""The data card: true counts, code that runs, one text whatever happened on the way."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from labelled import LABEL, MAKE, Flaky, Stripes, chairs, labelled
from toy_shards import stamps

from gen3d.building import build_shards
from gen3d.collection import Collection, shape_id, shape_members
from gen3d.data_card import card
from gen3d.errors import SettingsError
from gen3d.generation import generate
from gen3d.generators import GENERATORS
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.labelling import label, labelled_summary, read_knowledge, summarise
from gen3d.part_statistics import part_shares
from gen3d.shape import face_normals
from gen3d.shards import ShardContent
from gen3d.teachers import TEACHERS


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """A labelled one; tests read it only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "stripes", Stripes)
        return labelled(tmp_path_factory.mktemp("card") / "c")


def test_the_front_matter_is_what_the_hub_reads(collection: Collection) -> None:
    text = (collection.root / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["license"] == "apache-2.0" and fields["size_categories"] == ["n<1K"]
    assert [c["config_name"] for c in fields["configs"]] == ["shapes", "knowledge-stripes"]
    for config in fields["configs"]:
        assert len(list(collection.root.glob(config["data_files"]))) == 3
    assert body.startswith("\n# chair: 10 shapes\n") and text == card(collection)
    assert "gen3d generate --category chair --n 10 --generator procedural --seed 3 --shard 4 --out FOLDER" in body
    assert "gen3d label FOLDER --teacher stripes --renderer auto --views 2 --size 32 --points 512 --seed 0" in body


def test_its_code_runs(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    blocks = re.findall(r"```python\n(.*?)```", (collection.root / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2 and all(len(block.splitlines()) <= 5 for block in blocks)
    for block in blocks:
        command = [sys.executable, "-c", block]
        ended = subprocess.run(command, cwd=collection.root, capture_output=True, text=True, check=True)
        assert [line.split()[0] for line in ended.stdout.splitlines() if line[:5] == "chair"] == collection.ids()


def test_part_shares_are_those_of_the_shapes(collection: Collection) -> None:
    faces, area, shapes = Counter[int](), defaultdict[int, float](float), Counter[int]()
    for shape in collection.shapes():
        assert shape.face_labels is not None
        sizes = face_normals(shape.mesh[0].astype(np.float64), shape.mesh[1])[1]
        for part in np.unique(shape.face_labels).tolist():
            shapes[part] += 1
            faces[part] += int((shape.face_labels == part).sum())
            area[part] += float(sizes[shape.face_labels == part].sum())
    for index, row in enumerate(part_shares(collection)):
        assert row.part == collection.info["parts"][index] and row.shapes == shapes[index] and row.points == 0
        assert row.faces == pytest.approx(faces[index] / faces.total(), rel=1e-9)
        assert row.area == pytest.approx(area[index] / sum(area.values()), rel=1e-6)


def test_the_summary_from_the_manifest_is_that_of_the_knowledge(collection: Collection) -> None:
    rows = labelled_summary(collection, "knowledge-stripes")
    assert rows == summarise(read_knowledge(collection, "stripes"))
    assert [row.part for row in rows] == collection.info["parts"] and all(row.units for row in rows)
    knowledge = read_knowledge(collection, "stripes")
    units = np.concatenate([k.confidence[k.part == 1] for k in knowledge])
    covered = np.mean([k.mask[k.part == 1].any(0).mean() for k in knowledge])
    assert rows[1].units == len(units) and rows[1].confidence == pytest.approx(units.mean(), abs=1e-4)
    assert rows[1].coverage == pytest.approx(covered, abs=1e-4)


def test_a_resumed_run_writes_the_same_card_and_a_repeated_one_none(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    weary = Stripes(interrupted)
    monkeypatch.setitem(TEACHERS, "stripes", lambda: weary)
    root = tmp_path / "c"
    made = chairs(root)
    with pytest.raises(KeyboardInterrupt):
        label(made, LABEL)
    monkeypatch.setitem(TEACHERS, "stripes", Stripes)
    (root / "README.md").unlink()  # as a crash before its end would
    label(Collection.open(root), LABEL)
    assert (root / "README.md").read_bytes() == (collection.root / "README.md").read_bytes()
    before = stamps(root)
    chairs(root)
    label(Collection.open(root), LABEL)
    assert stamps(root) == before
    (root / "README.md").write_text("scribbles")
    label(Collection.open(root), LABEL)
    assert (root / "README.md").read_bytes() == (collection.root / "README.md").read_bytes()


def interrupted(number: int) -> bool:
    if number == 6:
        raise KeyboardInterrupt
    return False


def test_a_card_alone_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(SettingsError, match="holds other files"):
        chairs(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_failures_are_counted_by_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky = {shape_id("chair", i) for i in (1, 6)}
    monkeypatch.setitem(GENERATORS, "procedural", lambda: Flaky([], unlucky))
    text = card(generate(MAKE, tmp_path / "c"))
    assert "8 shapes in 3 shards, 2 failed." in text and "| \\<id\\>: out of luck | 2 | chair-000001 |" in text


def test_clouds_other_licences_and_hostile_words(tmp_path: Path) -> None:
    info = {"category": "a|b <script>\n# x", "parts": ["top|", "椅" * 4000], "licence": "CC-Weird 9|", "settings": {}}
    made = Collection.create(tmp_path / "c", info)
    build_shards(made, "shapes", [(0, None)], _cloud)
    text = card(Collection.open(tmp_path / "c"))
    fields = yaml.safe_load(text.split("---\n")[1])
    assert fields["license"] == "other" and "Weird" in fields["license_name"]
    assert "<script>" not in text.split("---\n", 2)[2].replace("\\<script\\>", "") and "\n# x" not in text
    assert "| top\\| | 1 | - | - | 50.0% |" in text and "| unlabelled | 1 | - | - | 50.0% |" in text
    assert len(text) < 6000


def _cloud(payload: None) -> ShardContent:
    """One cloud, half of its points labelled 0."""
    sampled = ProceduralGenerator().generate("mug", 0, "mug-0").sampled(600, 0)
    labels = np.repeat(np.array([0, -1], np.int16), 300)
    cloud = replace(sampled, vertices=None, faces=None, face_labels=None, point_labels=labels)
    return ShardContent(shape_members(cloud), ["mug-0"])
