"""Collections that share their shapes: one set of files, knowledge of their own."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from toy_shards import INFO, built, contents, stamps

from gen3d.collection import Collection
from gen3d.errors import SettingsError, StorageError
from gen3d.shards import ShardContent
from gen3d.sharing import share_shapes


def test_shapes_are_shared_and_stay_as_they_are(tmp_path: Path) -> None:
    source = built(tmp_path / "a")
    shared = share_shapes(source, tmp_path / "b")
    assert contents(tmp_path / "b") == contents(tmp_path / "a") and shared.damage() == []
    assert shared.failures() == source.failures() != []
    for record in source.records():
        assert os.path.samefile(tmp_path / "a" / record.shard, tmp_path / "b" / record.shard)
    before = stamps(tmp_path / "b")
    share_shapes(source, tmp_path / "b")
    assert stamps(tmp_path / "b") == before


def test_what_came_or_changed_since_follows(tmp_path: Path) -> None:
    source = built(tmp_path / "a", 2)
    share_shapes(source, tmp_path / "b").add_shard("knowledge-lite", 0, ShardContent(statistics={}))
    own = (tmp_path / "b/knowledge-lite-00000.tar").read_bytes()
    source.add_shard("shapes", 0, ShardContent([("chair-000000.glb", b"new")], ["chair-000000"], statistics={}))
    source.add_shard("shapes", 5, ShardContent([("chair-000050.glb", b"more")], ["chair-000050"], statistics={}))
    shared = share_shapes(source, tmp_path / "b")
    assert shared.records() == source.records() and shared.damage() == []
    assert (tmp_path / "b/knowledge-lite-00000.tar").read_bytes() == own
    assert not (tmp_path / "a/knowledge-lite-00000.tar").exists()


def test_without_hard_links_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = built(tmp_path / "a")

    def refuse(old: Path, new: Path) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "link", refuse)
    shared = share_shapes(source, tmp_path / "b")
    assert contents(tmp_path / "b") == contents(tmp_path / "a")
    assert not os.path.samefile(tmp_path / "a" / source.records()[0].shard, shared.root / source.records()[0].shard)


def test_a_full_disk_and_another_collection_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = built(tmp_path / "a")
    Collection.create(tmp_path / "other", INFO | {"seed": 8})
    with pytest.raises(SettingsError, match="seed was 8, now 7"):
        share_shapes(source, tmp_path / "other")

    def full(old: Path, new: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageError, match="disk full"):
        share_shapes(source, tmp_path / "b")
    assert not list((tmp_path / "b").glob(".tmp*")) and len(Collection.open(tmp_path / "b")) == 0
