"""What `gen3d data check` finds: on whole folders, on broken ones, and on the real samples."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from cli_chain import Run
from sample_datasets import (
    check_error,
    cloud,
    mesh,
    write_coseg,
    write_labelled_off,
    write_mobility,
    write_partnete,
    write_pts,
)

from distill.data_check import check_data
from distill.datasets import DATASETS
from distill.datasets.sources import SOURCES
from gen3d.categories import CATEGORIES, category
from gen3d.collection import Collection
from gen3d.errors import InputError, SettingsError
from gen3d.shape import Shape

CHAIR = category("chair")


def test_every_data_set_has_a_source() -> None:
    assert list(SOURCES) == list(DATASETS)
    for source in SOURCES.values():
        assert source.page and source.terms


def test_official_counts() -> None:
    test = SOURCES["shapenetpart"].counts["test"]
    assert set(test) == {*CATEGORIES, ""} and sum(test[name] for name in CATEGORIES) == test[""] == 2874
    assert SOURCES["partnete"].counts["test"][""] == 1906 and SOURCES["partnete"].counts["few_shot"][""] == 45 * 8


def test_points_found_missing_and_broken(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [cloud(id, "chair", 4, rng) for id in "abcd"] + [cloud("t", "table", 3, rng)]
    write_pts(tmp_path, {"test": shapes})
    folder = tmp_path / CHAIR.synset
    (folder / "points/b.pts").unlink()
    (folder / "points_label/c.seg").write_text("1\n")
    seen: list[str] = []
    verdict = check_data("shapenetpart-pts", tmp_path, step=lambda count, name: seen.append(name))
    assert seen == ["chair"] * 4 + ["table"]
    chair, table = verdict.found[:2]
    assert (chair.category, chair.official, chair.listed, chair.sound) == ("chair", 704, 4, 2)
    assert chair.missing == ["b"] and [id for id, _ in chair.broken] == ["c"] and "c.seg" in chair.broken[0][1]
    assert (table.listed, table.sound, table.missing, table.broken) == (1, 1, [], [])
    assert [found.category for found in verdict.found[2:]] == [n for n in CATEGORIES if n not in ("chair", "table")]
    assert verdict.broken == 1 and verdict.faults == []
    assert len(verdict.notes) == 1 and verdict.notes[0].startswith("not in the folder: airplane, bag")
    result = verdict.as_dict()
    assert result["total"] == {"official": 2874, "listed": 5, "sound": 3, "missing": 1, "broken": 1}
    assert json.loads(json.dumps(result)) == result
    alone = check_data("shapenetpart-pts", tmp_path, "table")
    assert [found.category for found in alone.found] == ["table"] and not alone.broken and not alone.notes


def test_unknown_synsets_and_doubles_are_told(tmp_path: Path, rng: np.random.Generator) -> None:
    write_pts(tmp_path, {"test": [cloud("a", "chair", 4, rng)]})
    with (tmp_path / "synsetoffset2category.txt").open("a") as file:
        file.write("Sofa\t04256520\n")
    entry = f"shape_data/{CHAIR.synset}/a"
    (tmp_path / "train_test_split/shuffled_test_file_list.json").write_text(
        json.dumps([entry, entry, "shape_data/09999999/x"])
    )
    verdict = check_data("shapenetpart-pts", tmp_path)
    assert len(verdict.faults) == verdict.broken == 3
    assert "04256520" in verdict.faults[0] and "09999999" in verdict.faults[1] and "1 shapes twice" in verdict.faults[2]
    assert verdict.found[0].listed == verdict.found[0].sound == 1


def test_partnete_and_its_empty_categories(tmp_path: Path, rng: np.random.Generator) -> None:
    meta = {"Chair": ["seat", "leg"], "TrashCan": ["lid"]}
    shapes = [cloud(str(n), "chair", 2, rng, 80) for n in range(3)]
    write_partnete(tmp_path, meta, {"Chair": shapes})
    (tmp_path / "data/test/Chair/1/label.npy").unlink()
    (tmp_path / "data/test/Chair/2/pc.ply").write_bytes(b"ply")
    verdict = check_data("partnete", tmp_path)
    chair, can = verdict.found
    assert (chair.listed, chair.sound, chair.missing, len(chair.broken)) == (3, 1, ["1"], 1)
    assert can.category == "trash can" and can.listed == 0 and "holds no shape" in can.note
    assert verdict.official() == 1906 and check_data("partnete", tmp_path, split="few_shot").official() == 360


def test_meshes_mobility_and_coseg(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("mesh", "mobility", "coseg"):
        (tmp_path / name).mkdir()
    names = [f"label{letter}" for letter in "ABCD"]
    write_labelled_off(tmp_path / "mesh", [mesh(id, "chair", 4, rng) for id in "ab"], names)
    write_mobility(tmp_path / "mobility", mesh("7", "oven", 2, rng), ("body", "door"), "Oven")
    write_mobility(tmp_path / "mobility", mesh("8", "oven", 2, rng), ("body", "door"), "")
    write_coseg(tmp_path / "coseg", "Goblets", [mesh(str(n), "goblet", 3, rng) for n in range(3)], (1, 2, 3))
    meshes = check_data("shapenetpart-mesh", tmp_path / "mesh")
    assert (meshes.split, meshes.found[0].listed, meshes.found[0].sound, meshes.broken) == ("all", 2, 2, 0)
    mobility = check_data("partnet-mobility", tmp_path / "mobility")
    assert mobility.official() == 2346 and [f.category for f in mobility.found] == ["oven"]
    assert mobility.broken == 1 and mobility.faults[0].startswith("8: ")
    goblets = check_data("coseg", tmp_path / "coseg")
    assert goblets.found[0].category == "goblet" and goblets.found[0].official == 12 and goblets.found[0].sound == 3
    assert "names no parts" in goblets.found[0].note and goblets.official() == 190
    assert check_data("coseg", tmp_path / "coseg", "goblet").official() == 190
    check_error(lambda: check_data("coseg", tmp_path / "coseg", split="large"), InputError, "no folder of a large set")


def test_a_set_that_lies_down_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    """Tables with their tops towards +Z: what a set of unknown frame would look like if it were z-up."""
    top = np.stack([rng.uniform(-1, 1, 300), np.full(300, 0.6), rng.uniform(-1, 1, 300)], 1)
    leg = np.stack([rng.uniform(-0.1, 0.1, 100), rng.uniform(-0.6, 0.6, 100), rng.uniform(-0.1, 0.1, 100)], 1)
    legs = [leg + [x, 0, z] for x in (-0.9, 0.9) for z in (-0.9, 0.9)]
    points = np.concatenate([top, *legs]).astype(np.float32)
    table = Shape("1", "table", points=points, point_labels=np.repeat([0, 1], [300, 400]).astype(np.int16))
    lying = table.transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    for name, shape in (("up", table), ("down", lying)):
        (tmp_path / name).mkdir()
        write_partnete(tmp_path / name, {"Table": ["top", "leg"]}, {"Table": [shape]})
    assert check_data("partnete", tmp_path / "up").notes == []
    assert "1 of 1 shapes looked at stand better with +Z up" in check_data("partnete", tmp_path / "down").notes[0]


def test_words(tmp_path: Path) -> None:
    check_error(lambda: check_data("x", tmp_path), SettingsError, "unknown data set 'x'", "partnete")
    check_error(lambda: check_data("psb", tmp_path, split="test"), SettingsError, "split", "psb")
    check_error(
        lambda: check_data("psb", tmp_path), InputError, "no category that is known", "segeval.cs.princeton.edu"
    )
    check_error(lambda: check_data("psb", tmp_path / "none"), InputError, "none: is no folder", "to be had at")
    check_error(lambda: check_data("partnete", tmp_path), InputError, "PartNetE_meta.json", "huggingface.co")
    (tmp_path / "PartNetE_meta.json").write_text('{"Chair": ["seat"]}')
    check_error(lambda: check_data("partnete", tmp_path, "sofa"), SettingsError, "sofa", "it has: chair")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_set(tmp_path: Path, rng: np.random.Generator) -> None:
    """Ten times the shapes, no more memory than twice one shape's."""
    peaks = []
    for count in (2, 20):
        root = tmp_path / str(count)
        root.mkdir()
        shapes = [cloud(str(n), "globe", 2, rng, 50_000, colors=True) for n in range(count)]
        write_partnete(root, {"Globe": ["sphere", "base"]}, {"Globe": shapes})
        del shapes
        check_data("partnete", root)  # loads what is loaded late
        tracemalloc.start()
        check_data("partnete", root)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# --- the command --------------------------------------------------------------------------------------------------


def test_command_on_a_sound_folder(tmp_path: Path, rng: np.random.Generator, run: Run) -> None:
    write_pts(tmp_path, {"test": [cloud("a", "chair", 4, rng)]})
    end = run("data", "check", "shapenetpart-pts", "--root", tmp_path)
    assert end.code == 0 and "split test" in end.out and "chair" in end.out and "2874" in end.out
    assert "not in the folder: airplane" in end.err and "to be had at: https://shapenet.org" in end.err
    assert "terms: non-commercial" in end.err
    result = json.loads(run("data", "check", "shapenetpart-pts", "--root", tmp_path, "--json").out)
    assert result["dataset"] == "shapenetpart-pts" and result["categories"]["chair"]["sound"] == 1
    one = run("data", "check", "shapenetpart-pts", "--root", tmp_path, "--category", "chair", "--split", "val")
    assert one.code == 0 and "lists no chair" in one.err


def test_command_on_a_broken_folder_ends_with_3(tmp_path: Path, rng: np.random.Generator, run: Run) -> None:
    write_pts(tmp_path, {"test": [cloud(f"s{n}", "chair", 4, rng) for n in range(6)]})
    for n in range(5):
        (tmp_path / CHAIR.synset / f"points_label/s{n}.seg").write_text("0\n" * 40)
    (tmp_path / CHAIR.synset / "points/s5.pts").unlink()
    end = run("data", "check", "shapenetpart-pts", "--root", tmp_path)
    assert end.code == 3 and "chair: missing: s5" in end.err and end.err.count("label 0 in row 1") == 3
    assert "and 2 more" in end.err and end.err.splitlines()[-1].startswith(f"gen3d: {tmp_path}: 5 broken")
    result = json.loads(run("data", "check", "shapenetpart-pts", "--root", tmp_path, "--json").out)
    assert len(result["categories"]["chair"]["broken"]) == 5 and result["total"]["broken"] == 5
    wrong = run("data", "check", "sofas", "--root", tmp_path)
    assert wrong.code == 2 and "unknown data set 'sofas'" in wrong.error
    lost = run("data", "check", "psb", "--root", tmp_path / "none")
    assert lost.code == 3 and "is no folder" in lost.error


def test_command_on_a_collection(home: Path, run: Run) -> None:
    end = run("data", "check", "collection", "--root", "runs/chair/generated", "--json")
    result = json.loads(end.out)
    count = len(Collection.open("runs/chair/generated"))
    assert end.code == 0 and result["categories"] == {
        "chair": {"official": None, "listed": count, "sound": count, "missing": [], "broken": [], "note": None}
    }


# --- the real samples ---------------------------------------------------------------------------------------------


def test_real_samples(shared_data: Path) -> None:
    caps = check_data("shapenetpart", shared_data / "shapenetpart_sample", "cap", "val")
    assert (caps.found[0].listed, caps.found[0].sound, caps.broken) == (5, 5, 0)
    psb = check_data("psb", shared_data / "psb")
    assert [(f.category, f.sound) for f in psb.found] == [(n, 12) for n in ("airplane", "chair", "mug", "table")]
    mobility = check_data("partnet-mobility", shared_data / "partnet_mobility")
    assert [(f.category, f.sound) for f in mobility.found] == [
        ("microwave", 1),
        ("remote", 1),
        ("storage furniture", 1),
    ]
    assert not mobility.broken and not mobility.notes
