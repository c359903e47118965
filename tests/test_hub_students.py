"""Students to the Hub and back: the same strict door as a folder's, and three files that are uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from sample_hub import SHA, SampleHub
from sample_students import PARTS, TINY, clouds, tiny

from distill.finding import HubOptions
from distill.student import Student
from gen3d.errors import InputError, MissingError, StorageError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SampleHub]:
    """A Hub in memory, and an empty cache."""
    if not hasattr(huggingface_hub, "set_client_factory"):
        pytest.skip("huggingface_hub before 1.0 has no client that can be replaced")
    from huggingface_hub.utils import _http

    sample = SampleHub(vars(_http).get("httpx2") or vars(_http)["httpx"])
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    huggingface_hub.set_client_factory(sample.client)
    yield sample
    huggingface_hub.set_client_factory(_http.default_client_factory)


def test_three_files_are_uploaded_and_come_back_as_the_same_student(hub: SampleHub, tmp_path: Path) -> None:
    student = tiny(3)
    where = student.push_to_hub("me/mugs", token="hf_test", private=True, commit_message="first")
    assert sorted(hub.files) == ["README.md", "config.json", "model.safetensors"]
    assert (
        "private" in (hub.created.get("visibility"), *[k for k, v in hub.created.items() if v is True])
        and hub.commit["summary"] == "first"
        and str(where).endswith(SHA)
    )
    student.save(tmp_path / "folder")
    assert hub.files == {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    cache = tmp_path / "cache"
    found = Student.from_pretrained("me/mugs", revision="v1", token="hf_test", cache_dir=cache)
    assert np.array_equal(found.logits(clouds(1)), student.logits(clouds(1))) and not found.training
    assert "GET /api/models/me/mugs/revision/v1" in hub.asked and hub.tokens == {"hf_test"}
    assert not any("README" in asked for asked in hub.asked if "resolve" in asked)
    hub.asked.clear()
    offline = Student.from_pretrained("me/mugs", revision="v1", cache_dir=cache, local_files_only=True)
    assert np.array_equal(offline.logits(clouds(1)), student.logits(clouds(1))) and hub.asked == []
    same = Student.load("me/mugs", HubOptions(revision=SHA, cache_dir=cache, local_files_only=True))
    assert np.array_equal(same.logits(clouds(1)), student.logits(clouds(1)))


def test_what_the_hub_refuses_is_one_line(hub: SampleHub, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="^me/mugs: can't be uploaded to the Hub .*hf auth login") as caught:
        tiny().push_to_hub("me/mugs", token="hf_wrong")
    assert len(str(caught.value).splitlines()) == 1 and hub.files == {}
    with pytest.raises(MissingError, match="^me/none: no such folder, and the Hub gave no student") as missing:
        Student.from_pretrained("me/none", cache_dir=tmp_path, local_files_only=True)
    assert len(str(missing.value).splitlines()) == 1
    with pytest.raises(TypeError):
        tiny().push_to_hub("me/mugs", privat=True)


def test_pickled_weights_in_the_hub_are_never_loaded(hub: SampleHub, tmp_path: Path) -> None:
    config = {"category": "chair", "parts": PARTS, "options": TINY}
    hub.files = {"config.json": json.dumps(config).encode(), "pytorch_model.bin": b"PK\3\4"}
    with pytest.raises(InputError, match="^me/mugs: has no model.safetensors"):
        Student.from_pretrained("me/mugs", cache_dir=tmp_path)
    assert not any("pytorch_model" in asked for asked in hub.asked)


def test_from_pretrained_is_as_strict_as_load_and_as_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mixin's own leaves tensors that are missing at random values, and prints."""
    folder = tmp_path / "student"
    assert tiny(3).save_pretrained(folder) is None
    found = Student.from_pretrained(folder)
    assert np.array_equal(found.logits(clouds(1)), tiny(3).logits(clouds(1))) and capsys.readouterr().out == ""
    tensors = load_file(folder / "model.safetensors")
    name = next(iter(tensors))
    rest = {key: value for key, value in tensors.items() if key != name}
    for change, word in (({}, "Missing"), (tensors | {"more": tensors[name].clone()}, "Unexpected")):
        save_file(rest | change, folder / "model.safetensors")
        with pytest.raises(InputError, match=f"is not a usable student .*{word}") as caught:
            Student.from_pretrained(folder)
        assert len(str(caught.value).splitlines()) == 1
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match="no config.json"):
        Student.from_pretrained(folder)
