"""`gen3d convert point-e`: the official weights, by their names; strict, and nothing in a file is ever run."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sample_point_e import TINY, tiny, write_official, write_tiny

from distill.conversion import convert
from gen3d.checkpoint import file_hash
from gen3d.errors import InputError, MissingError
from gen3d.generators.point_e.networks import MODELS
from gen3d.generators.point_e.weights import read_network


def refused(file: Path) -> str:
    """The one line that converting the file ends with; nothing is written."""
    before = sorted(file.parent.iterdir())
    with pytest.raises(InputError) as caught:
        convert("point-e", file)
    message = str(caught.value)
    assert sorted(file.parent.iterdir()) == before and message.startswith(str(file))
    assert len(message.splitlines()) == 1, message
    return message


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "sdf" else [pytest.mark.slow]) for n in MODELS])
def test_an_official_checkpoint_comes_through(name: str, tmp_path: Path) -> None:
    file = write_official(tmp_path / f"{MODELS[name].file}.pt", name)
    result = convert("point-e", file)
    out = tmp_path / f"{MODELS[name].file}.safetensors"
    assert result["weights"] == str(out) and result["model"] == name and result["source_sha256"] == file_hash(file)
    assert MODELS[name].megabytes == pytest.approx(out.stat().st_size / 1e6, rel=0.01)
    network, revision = read_network(tmp_path, name)
    found = network.state_dict()
    for i, (key, value) in enumerate(found.items()):
        assert value.dtype == torch.float32 and value.flatten()[0] == value.flatten()[-1] == i % 7 - 3, key
    assert found.keys() == load_file(out).keys() and revision == file_hash(out)[:16]
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def header(file: Path) -> dict[str, str]:
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])["__metadata__"]


def test_the_file_says_which_model_it_is_and_where_it_came_from(tmp_path: Path) -> None:
    file = write_official(tmp_path / "renamed.pt", "sdf")
    one, two = (
        Path(convert("point-e", file, tmp_path / name)["weights"]) for name in ("a.safetensors", "b.safetensors")
    )
    assert one.read_bytes() == two.read_bytes()
    kept = header(one)
    assert kept["kind"] == "point-e sdf" and json.loads(kept["size"]) == MODELS["sdf"].size._asdict()
    assert json.loads(kept["source"]) == {"file": "renamed.pt", "sha256": file_hash(file)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ln_post.bias": None}, "missing: ln_post.bias"),
        ({"encoder.more": torch.ones(1)}, "unexpected: encoder.more"),
        ({"output_proj.weight": torch.ones(2, 256)}, "of another shape: output_proj.weight"),
        ({"output_proj.bias": torch.full((1,), torch.nan)}, "not finite: output_proj.bias"),
    ],
)
def test_a_wrong_weight_is_an_error_that_names_it(
    change: dict[str, torch.Tensor | None], words: str, tmp_path: Path
) -> None:
    message = refused(write_official(tmp_path / "sdf.pt", "sdf", **change))
    assert words in message and "Point-E's sdf" in message


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    torch.serialization.save({"conv.weight": torch.ones(1)}, file)
    assert "base_40m_textvec.pt, upsample_40m.pt, sdf.pt" in refused(file)
    file.write_bytes(b"not a checkpoint")
    assert "not a checkpoint of torch" in refused(file)
    with pytest.raises(MissingError, match="no such file"):
        convert("point-e", tmp_path / "none.pt")


def test_a_tiny_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path, *TINY)
    for name in TINY:
        found, expected = read_network(folder, name).network.state_dict(), tiny(name).state_dict()
        assert found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in found)


def test_weights_that_are_not_there_are_one_line_that_says_which_how_large_and_from_where(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        read_network(tmp_path, "upsample")
    message = str(caught.value)
    for word in (str(tmp_path), "upsample_40m.safetensors", "162 MB", MODELS["upsample"].url, "gen3d convert point-e"):
        assert word in message
    assert MODELS["upsample"].url == "https://openaipublic.azureedge.net/main/point-e/upsample_40m.pt"


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path, *TINY)
    file = folder / "sdf.safetensors"
    whole = file.read_bytes()
    for content in (b"", b"x" * 100, whole[:-9]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"sdf\.safetensors.*gen3d convert point-e sdf\.pt"):
            read_network(folder, "sdf")
    save_file({"x": torch.ones(1)}, file)
    with pytest.raises(InputError, match="something else"):
        read_network(folder, "sdf")
    (folder / "upsample_40m.safetensors").rename(file)
    with pytest.raises(InputError, match="something else than Point-E's sdf"):
        read_network(folder, "sdf")
    save_file(load_file(folder / "base_40m_textvec.safetensors"), file, {"kind": "point-e sdf", "size": "[]"})
    with pytest.raises(InputError, match="not a safetensors file of Point-E"):
        read_network(folder, "sdf")
