"""Students that ship with the package: how they are looked up, what they weigh, what their cards say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_chain import Run
from safetensors.torch import load_file
from sample_students import TINY, clouds

from distill.finding import SHIPPED, find_student, shipped_categories, shipped_folder
from distill.labellers import trained_labeller
from distill.student import Student
from gen3d.categories import CATEGORIES
from gen3d.errors import InputError, SettingsError
from gen3d.generators.procedural import ProceduralGenerator
from gen3d.mesh_io import write_shape

MEGABYTES = 16  # of all that ship


def untrained(category: str, seed: int = 0) -> Student:
    """With random weights and a full record."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        student = Student(category, list(CATEGORIES[category].parts), options=TINY)
    student.training_record |= {
        "settings": {"teacher": "lite"},
        "commands": [f"gen3d generate --category {category}", f"gen3d distill --category {category}"],
        "scores": {"mIoU % on 12 PSB chairs": 61.5},
    }
    return student


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories' students, as they would ship."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("mug", "chair"):
        untrained(name).save(root / name, precision="float16")
    return root


# --- half the bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("precision", "kind"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_lower_precision_is_in_the_file_alone(tmp_path: Path, precision: str, kind: torch.dtype) -> None:
    student = untrained("mug", 3)
    student.save(tmp_path / "whole")
    student.save(tmp_path / "half", precision)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {kind}
    loaded = Student.load(tmp_path / "half")
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32} == {
        value.dtype for value in student.state_dict().values()
    }  # fmt: skip
    assert all(torch.equal(value, stored[name].float()) for name, value in loaded.state_dict().items())
    assert np.allclose(loaded.logits(clouds(1)), student.logits(clouds(1)), atol=0.1)
    assert f"Weights are {precision} in the file" in (tmp_path / "half" / "README.md").read_text()
    assert "Weights are" not in (tmp_path / "whole" / "README.md").read_text()


def test_a_precision_without_room_for_the_weights_is_refused(tmp_path: Path) -> None:
    student = untrained("mug")
    with torch.no_grad():
        next(student.parameters()).fill_(1e6)
    with pytest.raises(SettingsError, match="precision = 'float16': has no room .* take bfloat16"):
        student.save(tmp_path / "half", "float16")
    assert list((tmp_path / "half").iterdir()) == []
    student.save(tmp_path / "half", "bfloat16")
    with pytest.raises(SettingsError, match="precision = 'int8': is none of float32, float16, bfloat16"):
        student.save(tmp_path / "half", "int8")


# --- looking up -------------------------------------------------------------------------------------------------------


def test_a_category_means_the_student_that_ships(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped_categories(shipped) == ("chair", "mug")  # the table's order
    assert find_student("mug", shipped=shipped) == shipped_folder("mug", shipped) == shipped / "mug"
    student = Student.load("mug", shipped=shipped)
    assert student.category == "mug" and np.allclose(
        student.logits(clouds(1)), untrained("mug").logits(clouds(1)), atol=0.1
    )
    untrained("mug", 5).save("mug")
    own = Student.load("mug", shipped=shipped)
    assert np.array_equal(own.logits(clouds(1)), untrained("mug", 5).logits(clouds(1)))  # a folder of that name wins
    (tmp_path / "mug" / "config.json").unlink()
    with pytest.raises(InputError, match="mug: is not a student .* this folder hides the student that ships"):
        Student.load("mug", shipped=shipped)
    labeller = trained_labeller(None, "mug", shipped)  # but --category means it, whatever folders there are
    assert labeller.start.category == "mug" and labeller.record["student"] == "mug" and labeller.teacher is None
    assert trained_labeller("chair", None, shipped).start.category == "chair"
    assert trained_labeller("chair", "chair", shipped).record == trained_labeller(None, "chair", shipped).record


def test_what_does_not_ship_is_a_line_with_the_alternatives(shipped: Path) -> None:
    said = {
        "lamp: no student of it ships; those that do: chair, mug. Train one": lambda: trained_labeller(
            None, "lamp", shipped
        ),
        "teapot: no student of it ships": lambda: trained_labeller(None, "teapot", shipped),
        r"lamp: is not a student .* or a category \(those that do: chair, mug\)": lambda: Student.load(
            "lamp", shipped=shipped
        ),
        "chair: is a student of chair, not of mug": lambda: trained_labeller("chair", "mug", shipped),
        "those that do: none": lambda: trained_labeller(None, "mug", shipped / "none"),
    }
    for words, call in said.items():
        with pytest.raises(InputError, match=words) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(SettingsError, match=r"--student, --category or --teacher is missing: .*ships \(chair, mug\)"):
        trained_labeller(None, None, shipped)


def test_the_card_tells_how_it_was_made_and_where_it_fails(shipped: Path) -> None:
    card = (shipped / "chair" / "README.md").read_text()
    assert "```sh\ngen3d generate --category chair\ngen3d distill --category chair\n```" in card
    assert "| mIoU % on 12 PSB chairs | 61.5 |" in card and "no human label was used" in card
    assert "`lite`" in card and "not CLIP" in card and "## Limits" in card
    loaded = Student.load(shipped / "chair")
    assert loaded.training_record["commands"][0] == "gen3d generate --category chair"
    assert loaded.generate_model_card(precision="float16").content == card  # so the record holds all of it
    loaded.training_record["settings"] = {"teacher": "lite", "data": "partdistill-h5"}  # whose boxes are GLIP's
    loaded.training_record["sources"] = {"partdistill-h5": {"shapes": 3}}
    foreign = loaded.generate_model_card().content
    assert "`lite`" not in foreign and "their terms apply" in foreign and "license: other" in foreign
    assert "license: apache-2.0" in card and "their terms apply" not in card


# --- the verbs --------------------------------------------------------------------------------------------------------


def test_the_verbs_take_a_category(home: Path, run: Run, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distill.finding.SHIPPED", shipped)
    write_shape(ProceduralGenerator().generate("chair", 0, "chair"), home / "chair.glb")
    first = run("segment", "chair.glb", "--category", "chair", "--passes", 1, "--json")
    assert first.code == 0 and json.loads(first.out)["made_now"] == 1, first.err
    again = run("segment", "chair.glb", "--student", "chair", "--passes", 1)
    assert again.code == 0 and "nothing to do" in again.err
    assert "--student, --category or --teacher is missing" in run("segment", "chair.glb").error
    end = run("segment", "chair.glb", "--category", "lamp")
    assert end.code == 3 and "those that do: chair, mug" in end.error
    words = ("eval", "--student", "chair", "--root", "runs/chair/generated", "--preset", "tiny.yaml", "--passes", 1)
    scored = run(*words, "--json")
    assert scored.code == 0 and json.loads(scored.out)["category"] == "chair", scored.err
    assert (home / "runs/chair/student-chair/eval-collection/scores.json").is_file() and not (home / "chair").exists()
    assert "nothing to do" in run(*words).err


def test_the_hub_id_of_a_student_makes_no_folder_of_that_name(
    home: Path, run: Run, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next command would take that folder for the student."""
    monkeypatch.setattr("distill.finding._downloaded", lambda name, hub: shipped / "chair")
    words = ("eval", "--student", "me/chairs", "--root", "runs/chair/generated", "--preset", "tiny.yaml")
    assert run(*words, "--passes", 1).code == 0 and not (home / "me").exists()
    assert (home / "runs/chair/student-me-chairs/eval-collection/scores.json").is_file()


# --- what ships -------------------------------------------------------------------------------------------------------


def test_what_ships_is_whole_small_and_of_its_category() -> None:
    """Over whatever is there; students are added one by one."""
    names = shipped_categories()
    if not names:
        pytest.skip(f"no student in {SHIPPED} yet")
    for name in names:
        folder = shipped_folder(name)
        assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
        student = Student.load(name)
        assert (student.category, student.parts) == (name, CATEGORIES[name].parts)
        assert all(value.isfinite().all() for value in student.state_dict().values())
        card = (folder / "README.md").read_text()
        assert "gen3d distill" in card.partition("## Made with")[2].partition("## ")[0]
        assert "no human label was used" in card and "`lite`" in card
    assert {path.name for path in SHIPPED.iterdir()} == set(names)
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size <= MEGABYTES * 1_000_000
