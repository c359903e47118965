"""`gen3d convert point-m2ae` and what `distill --encoder` takes: strict, by name, and nothing in a file is ever run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_chain import DISTILL, STUDENT, Run
from safetensors.torch import load_file, save_file
from sample_checkpoints import base_model, random_encoder, write_checkpoint

from distill.conversion import convert
from distill.encoders import PointM2AEEncoder, load_encoder
from distill.student import Student
from distill.students.point_m2ae import Encoder, PointM2AE
from gen3d.errors import InputError, MissingError, SettingsError, StorageError


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return random_encoder()


@pytest.fixture(scope="module")
def converted(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a checkpoint in the authors' layout was converted to."""
    file = write_checkpoint(tmp_path_factory.mktemp("m2ae") / "pre-train.pth", encoder, prefix="module.")
    return Path(convert("point-m2ae", file)["weights"])


def refused(file: Path, kind: type[Exception] = InputError) -> str:
    """The one line that converting the file ends with; nothing is written."""
    before = sorted(file.parent.iterdir())
    with pytest.raises(kind) as caught:
        convert("point-m2ae", file)
    assert sorted(file.parent.iterdir()) == before
    message = str(caught.value)
    assert message.startswith(str(file)) and len(message.splitlines()) == 1, message
    return message


# --- the round trip ---------------------------------------------------------------------------------------------------


def test_the_encoder_comes_through_and_the_decoder_stays_behind(encoder: Encoder, converted: Path) -> None:
    assert converted.name == "pre-train.safetensors"
    found = load_file(converted)
    expected = base_model(encoder)
    assert found.keys() == expected.keys() and all(name.startswith("h_encoder.") for name in found)
    assert all(torch.equal(found[name], expected[name]) and found[name].dtype == expected[name].dtype for name in found)
    network = PointM2AE(3)
    head = {name: value.clone() for name, value in network.head.state_dict().items()}
    load_encoder(PointM2AEEncoder(network), converted)
    for name, value in network.h_encoder.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[name])
    assert all(torch.equal(value, head[name]) for name, value in network.head.state_dict().items())


def test_the_same_checkpoint_gives_the_same_bytes_and_its_name_is_kept(encoder: Encoder, tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path / "a.pth", encoder)
    results = [convert("point-m2ae", file, tmp_path / name) for name in ("one.safetensors", "two.safetensors")]
    one, two = (Path(result["weights"]).read_bytes() for result in results)
    assert one == two and results[0]["parameters"] == 12_654_976
    header = json.loads(one[8 : 8 + int.from_bytes(one[:8], "little")])["__metadata__"]
    assert json.loads(header["source"]) == {"file": "a.pth", "sha256": results[0]["source_sha256"]}


# --- strictness -------------------------------------------------------------------------------------------------------

NAMES = ("h_encoder.token_embed.0.first_conv.0.weight", "h_encoder.encoder_blocks.0.blocks.0.attn.qkv.bias")
NORMS = tuple(f"h_encoder.encoder_norms.{i}.weight" for i in range(3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({NAMES[0]: None}, ["missing: " + NAMES[0]]),
        ({NAMES[1]: torch.zeros(288)}, ["unexpected: " + NAMES[1]]),
        ({NAMES[0]: torch.zeros(128, 6, 1)}, ["of another shape: " + NAMES[0]]),
        ({NAMES[0]: torch.full((128, 3, 1), torch.nan)}, ["not finite: " + NAMES[0]]),
        (dict.fromkeys((*NORMS, NAMES[0])), ["missing: " + NORMS[0], "1 more"]),
    ],
)  # fmt: skip
def test_a_wrong_weight_is_an_error_that_names_it(
    encoder: Encoder, tmp_path: Path, changes: dict[str, Any], words: list[str]
) -> None:
    file = write_checkpoint(tmp_path / "a.pth", encoder, base_model=base_model(encoder, **changes))
    message = refused(file)
    assert all(word in message for word in words), message


class Metrics:
    """A class that a checkpoint may refer to."""


def test_other_files_are_refused_in_one_line(encoder: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    assert "no such file" in refused(file, MissingError)
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 cut short"):
        file.write_bytes(content)
        assert "not a checkpoint of torch" in refused(file)
    write_checkpoint(file, encoder)
    file.write_bytes(file.read_bytes()[:100_000])
    assert "not a checkpoint of torch" in refused(file)
    file.write_bytes(b"\x80\x02damaged")
    assert "it is damaged, or holds more" in refused(file)  # torch's own advice is to read it unsafely
    assert "no `base_model`" in refused(write_checkpoint(file, encoder, base_model=3))
    assert "another network" in refused(write_checkpoint(file, encoder, base_model={"conv.weight": torch.ones(1)}))
    assert "Metrics" in refused(write_checkpoint(file, encoder, metrics=Metrics()))


def test_what_a_checkpoint_asks_to_run_is_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02cposix\nsystem\nX" + _text(f"touch {trace}") + b"\x85R.")
        archive.writestr("a/version", b"3\n")
    assert "posix.system" in refused(tmp_path / "a.pth")
    assert not trace.exists()


def _text(words: str) -> bytes:
    """A string in the second pickle protocol, after its opcode."""
    return len(words).to_bytes(4, "little") + words.encode()


def test_where_the_weights_go_is_checked(encoder: Encoder, tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path / "a.pth", encoder)
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="overwritten"):
        convert("point-m2ae", file, file)
    with pytest.raises(StorageError, match="nowhere"):
        convert("point-m2ae", file, tmp_path / "nowhere" / "a.safetensors")
    with pytest.raises(SettingsError, match="'dgcnn'.*point-m2ae"):
        convert("dgcnn", file)
    assert file.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["a.pth"]


def test_an_encoder_that_is_none_is_refused(converted: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, other)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(converted.read_bytes()[:5000])
    for file, kind, words in (
        (tmp_path / "none.safetensors", MissingError, "gen3d convert point-m2ae"),
        (other, InputError, "something else"),
        (broken, InputError, "is not a safetensors file"),
    ):
        network = PointM2AE(2)
        with pytest.raises(kind, match=words) as caught:
            load_encoder(PointM2AEEncoder(network), file)
        assert str(caught.value).startswith(str(file)) and len(str(caught.value).splitlines()) == 1


# --- on the command line ----------------------------------------------------------------------------------------------


def test_converted_weights_start_a_student_and_stay_frozen(run: Run, home: Path, encoder: Encoder) -> None:
    write_checkpoint(home / "pre-train.pth", encoder)
    ended = run("convert", "point-m2ae", "pre-train.pth", "--out", "m2ae.safetensors", "--json")
    assert ended.code == 0 and json.loads(ended.out)["parameters"] == 12_654_976
    words = (*DISTILL, "--student", "point-m2ae", "--overwrite", "--json")
    ended = run(*words, "--encoder", "m2ae.safetensors")
    assert ended.code == 0 and "random" not in ended.err
    network = Student.load(STUDENT).network
    assert isinstance(network, PointM2AE) and network.frozen
    assert all(torch.equal(v, encoder.state_dict()[name]) for name, v in network.h_encoder.state_dict().items())
    record = json.loads((home / STUDENT / "training.json").read_text())
    assert record["settings"]["encoder"] == "m2ae.safetensors" and len(record["encoder_sha256"]) == 64
    assert run(*words[:-2], "--encoder", "m2ae.safetensors").err.count("nothing to do\n") == 1
    write_checkpoint(home / "pre-train.pth", random_encoder(1))  # the same name, other weights
    run("convert", "point-m2ae", "pre-train.pth", "--out", "m2ae.safetensors")
    assert run(*words[:-2], "--encoder", "m2ae.safetensors").code == 2


def test_a_random_encoder_is_told(run: Run, home: Path) -> None:
    ended = run(*DISTILL, "--student", "point-m2ae", "--out", "other")
    assert ended.code == 0 and ended.err.count("starts at random") == 1
    assert isinstance(Student.load("other").network, PointM2AE)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--finetune"], 2, ["finetune", "point-m2ae"]),
        (["--student", "point-m2ae", "--encoder", "none.safetensors"], 4, ["none.safetensors"]),
        (["--student", "point-m2ae", "--encoder", "tiny.yaml"], 3, ["tiny.yaml", "not a safetensors file"]),
    ],
)
def test_what_can_not_start_a_student_is_one_line(
    run: Run, home: Path, words: list[str], code: int, told: list[str]
) -> None:
    ended = run(*DISTILL, "--out", "other", *words)
    assert ended.code == code and all(word in ended.error for word in told)
    assert not (home / "other").exists()


def test_a_file_that_is_no_weights_is_not_replaced(encoder: Encoder, tmp_path: Path, run: Run) -> None:
    write_checkpoint(tmp_path / "a.pth", encoder)
    (tmp_path / "notes.txt").write_text("hello")
    words = ("convert", "point-m2ae", tmp_path / "a.pth", "--out")
    end = run(*words, tmp_path / "notes.txt")
    assert end.code == 2 and "notes.txt: holds something else than weights" in end.error
    assert (tmp_path / "notes.txt").read_text() == "hello"
    for _ in range(2):  # its own are replaced
        assert run(*words, tmp_path / "b.safetensors").code == 0
