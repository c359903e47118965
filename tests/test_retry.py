"""Failed samples tried again: exactly those, the others byte for byte as they were, and knowledge that follows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_chain import Run
from labelled import LABEL, MAKE, Flaky, Stripes
from toy_shards import contents, stamps

from gen3d.building import build_shards
from gen3d.collection import Collection, shape_id
from gen3d.errors import InputError, SettingsError
from gen3d.generation import generate
from gen3d.generators import GENERATORS
from gen3d.labelling import label, read_knowledge
from gen3d.shards import ShardContent, read_shard
from gen3d.teachers import TEACHERS

UNLUCKY = {shape_id("chair", i) for i in (1, 6)}  # a fifth of them, in the first two of three shards


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that the generator was asked for so far; it fails once for the unlucky ones."""
    ids: list[str] = []
    monkeypatch.setitem(GENERATORS, "procedural", lambda: Flaky(ids, UNLUCKY))
    return ids


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Stripes:
    one = Stripes()
    monkeypatch.setitem(TEACHERS, "stripes", lambda: one)
    return one


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run without any failure leaves."""
    root = tmp_path_factory.mktemp("whole") / "c"
    generate(MAKE, root)
    return contents(root)


def lines_of_last(data: dict[str, bytes]) -> dict[str, bytes]:
    """The files with the manifest's superseded lines left out."""
    lines = {json.loads(line)["shard"]: line for line in data["manifest.jsonl"].splitlines(True)}
    return data | {"manifest.jsonl": b"".join(sorted(lines.values()))}


def in_order(root: Path) -> dict[str, bytes]:
    """Like `contents`, but only the manifest lines that count."""
    files = {path.name: path.read_bytes() for path in root.iterdir() if path.name != ".lock"}
    return lines_of_last(files)


def test_exactly_the_failed_are_made_again_and_all_ends_as_if_nothing_had_failed(
    asked: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    collection = generate(MAKE, tmp_path / "c")
    assert collection.failures() == [(id, f"{id}: out of luck") for id in sorted(UNLUCKY)] and len(asked) == 10
    before = {record.shard: dict(read_shard(collection.root, record)) for record in collection.records()}
    stamp, counts = stamps(tmp_path / "c"), []
    asked.append("-- again --")
    again = generate(MAKE, tmp_path / "c", retry_failed=True, progress=counts.append)
    assert asked[11:] == sorted(UNLUCKY) and counts == [1, 1] and not again.failures() and not again.damage()
    for record in again.records():
        now = dict(read_shard(again.root, record))
        assert before[record.shard].items() <= now.items()
    assert stamps(tmp_path / "c")["shapes-00002.tar"] == stamp["shapes-00002.tar"]
    assert in_order(tmp_path / "c") == lines_of_last(whole)


@pytest.mark.usefixtures("asked")
def test_two_workers_retry_to_the_same_bytes(whole: dict[str, bytes], tmp_path: Path) -> None:
    generate(MAKE, tmp_path / "c")
    generate(MAKE, tmp_path / "c", workers=2, retry_failed=True)  # the workers' own generator never fails
    assert in_order(tmp_path / "c") == lines_of_last(whole)


def test_what_fails_again_stays_a_row_and_a_plain_repeat_tries_nothing(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(MAKE, tmp_path / "c")
    before, count = stamps(tmp_path / "c"), len(asked)
    generate(MAKE, tmp_path / "c")
    assert len(asked) == count and stamps(tmp_path / "c") == before
    asked.clear()  # bad luck again
    collection = generate(MAKE, tmp_path / "c", retry_failed=True)
    assert sorted(asked) == sorted(UNLUCKY) == [id for id, _ in collection.failures()] and len(collection) == 8


def test_a_damaged_neighbour_is_not_copied_but_made_again(
    asked: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    generate(MAKE, tmp_path / "c")
    shard = tmp_path / "c" / "shapes-00000.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 4  # within the first member, chair-000000.glb
    shard.write_bytes(data)
    asked.append("-- again --")
    generate(MAKE, tmp_path / "c", retry_failed=True)
    assert asked[11:] == [shape_id("chair", i) for i in (0, 1, 6)]
    assert in_order(tmp_path / "c") == lines_of_last(whole)


def test_the_command_line_lists_the_failed_and_says_when_there_is_none(
    asked: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("generate", "--category", "chair", "--n", 10, "--shard", 4, "--seed", 3, "--workers", 1, "--out", "c")
    first = run(*words, "--json")
    rows = [{"id": id, "reason": f"{id}: out of luck"} for id in sorted(UNLUCKY)]
    assert first.code == 0 and json.loads(first.out)["failures"] == rows
    assert [f"failed: {row['id']}: {row['reason']}" in first.err for row in rows] == [True, True]
    count = len(asked)
    second = run(*words, "--json", "--retry-failed")
    answer = json.loads(second.out)
    assert (answer["made_now"], answer["failed"], answer["shapes"]) == (2, 0, 10) and len(asked) == count + 2
    before = stamps(tmp_path / "c")
    third = run(*words, "--retry-failed")
    assert third.code == 0 and third.err == "c: no shape failed; nothing to do\n"
    assert len(asked) == count + 2 and stamps(tmp_path / "c") == before


# --- knowledge ----------------------------------------------------------------------------------------------------


def test_failed_knowledge_is_made_again_and_the_rest_kept(
    tmp_path: Path, teacher: Stripes, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = generate(MAKE, tmp_path / "c")
    teacher.refuse = lambda number: number in (2, 7)
    label(collection, LABEL)
    collection = Collection.open(tmp_path / "c")
    assert [id for id, _ in collection.failures("knowledge-stripes")] == [shape_id("chair", i) for i in (1, 6)]
    label(collection, LABEL)
    assert teacher.asked == 10
    counts: list[int] = []
    label(collection, LABEL, retry_failed=True, progress=counts.append)
    assert teacher.asked == 12 and counts == [1, 1]
    label(Collection.open(tmp_path / "c"), LABEL, retry_failed=True)
    assert teacher.asked == 12
    twin = generate(MAKE, tmp_path / "twin")
    label(twin, LABEL)
    assert in_order(tmp_path / "c") == in_order(tmp_path / "twin")


def test_shapes_that_come_later_are_labelled_and_what_is_known_of_the_others_stays(
    asked: list[str], tmp_path: Path, teacher: Stripes
) -> None:
    collection = generate(MAKE, tmp_path / "c")
    label(collection, LABEL)
    assert teacher.asked == 8 and len(Collection.open(tmp_path / "c").ids("knowledge-stripes")) == 8
    generate(MAKE, tmp_path / "c", retry_failed=True)
    stale = Collection.open(tmp_path / "c")
    with pytest.raises(
        InputError, match="2 of its 10 shapes have no knowledge of the stripes teacher; run `gen3d label"
    ):
        read_knowledge(stale, "stripes")
    label(stale, LABEL)
    assert teacher.asked == 10
    now = Collection.open(tmp_path / "c")
    assert [k.meta["id"] for k in read_knowledge(now, "stripes")] == now.ids() and len(now) == 10
    generate(MAKE, tmp_path / "twin")
    label(Collection.open(tmp_path / "twin"), LABEL)  # its two failed there, too: `asked` knows them by now
    assert in_order(tmp_path / "c") == in_order(tmp_path / "twin")


@pytest.mark.usefixtures("teacher")
def test_shapes_made_anew_take_the_old_knowledge_with_them(tmp_path: Path) -> None:
    label(generate(MAKE, tmp_path / "c"), LABEL)
    other = MAKE.model_copy(update={"seed": 4})
    with pytest.raises(SettingsError, match="seed was 3, now 4"):
        generate(other, tmp_path / "c")
    anew = generate(other, tmp_path / "c", overwrite=True)
    assert not anew.stems() and not list((tmp_path / "c").glob("knowledge*"))
    label(anew, LABEL.model_copy(update={"views": 1}))  # other settings than the old knowledge: there is none
    generate(other, tmp_path / "twin")
    label(Collection.open(tmp_path / "twin"), LABEL.model_copy(update={"views": 1}))
    assert contents(tmp_path / "c") == contents(tmp_path / "twin")


def test_a_builder_that_gives_whole_shards_can_be_retried_too(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path / "c", {"category": "chair"})

    def failing(payload: int) -> ShardContent:
        return ShardContent([("a.bin", b"1")], ["a"], [("b", "no luck")])

    def lucky(payload: int) -> ShardContent:
        return ShardContent([("a.bin", b"another"), ("b.bin", b"2")], ["a", "b"])

    build_shards(collection, "shapes", [(0, 0)], failing)
    counts: list[int] = []
    build_shards(collection, "shapes", [(0, 0)], lucky, progress=counts.append, retry_failed=True)
    assert dict(collection.members("shapes", "bin")) == {"a": b"1", "b": b"2"} and counts == [1]
    shutil.rmtree(collection.root)
