"""The graph of a sweep: what is to be made of what, where it goes, and what of it is there.

A node's name has a hash of its settings and of its parents, so nodes that agree in them are one, and one with other
settings is another folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from distill.datasets.listing import NothingError
from distill.distillation import RECORD, distill
from distill.evaluation import EvalSettings, read_dataset
from distill.experiments import ScoredOn, how_scored
from distill.resuming import checkpoint_folder
from distill.scoring import Subject, is_whole, score
from distill.sweep_settings import STAGES, Fresh, Sweep, Test, Variant
from distill.trainer import DistillSettings
from gen3d.asking import LabelSettings
from gen3d.collection import INFO, Collection
from gen3d.data_card import has_card
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate
from gen3d.labelling import label
from gen3d.settings import Settings
from gen3d.sharing import share_shapes

GENERATE, LABEL, DISTILL, EVAL = "generate", "label", "distill", "eval"
_FOLDERS = {GENERATE: "generated", LABEL: "labelled", DISTILL: "student", EVAL: "scores"}


class Node(NamedTuple):
    """One result of one stage.

    Args:
        name: its folder below the sweep's, as "chair/student-0-1a2b3c4d".
        stage: a verb of gen3d.
        settings: of the stage, complete.
        needs: names of the nodes that it is made of.
        test: of `eval`: what is scored on; None where that is the last one of `needs`.
    """

    name: str
    stage: str
    settings: Settings
    needs: tuple[str, ...] = ()
    test: ScoredOn | None = None


class Run(NamedTuple):
    """One category with one variant's settings and one seed.

    Args:
        student: name of its node.
        scores: name of its node; None where no test set has the category.
        passed: what was wrong with the test sets before the one that has it; all that they lack where none has.
    """

    category: str
    variant: str
    seed: int
    student: str
    scores: str | None
    passed: str


class Plan(NamedTuple):
    """A sweep's nodes by name, each after those it needs, and its runs."""

    nodes: dict[str, Node]
    runs: list[Run]


def planned(sweep: Sweep, out: Path) -> Plan:
    """The graph of a sweep. Test sets whose scores are not there yet are read, to find out which one has a category.

    Args:
        sweep: see `read_sweep`.
        out: where everything goes; nothing is written.

    Raises InputError for a file that the settings name and that can't be read.
    """
    plan = Plan({}, [])
    for category in sweep.categories:
        trained = [
            (variant, seed, _trained(category, variant, seed)) for variant in sweep.variants for seed in sweep.seeds
        ]
        test, passed = _test(sweep, category, [(v.eval, seed, nodes[-1].name) for v, seed, nodes in trained], out)
        for variant, seed, nodes in trained:
            student = nodes[-1].name
            nodes += [] if test is None else _scored(category, variant.eval, seed, student, test)
            plan.nodes.update({node.name: node for node in nodes})
            scores = None if test is None else nodes[-1].name
            plan.runs.append(Run(category, variant.name, seed, student, scores, passed))
    return plan


def make(node: Node, out: Path, workers: int) -> None:
    """Make a node's result, or what is missing of it, of those of its needs. Raises the stage's Gen3dErrors."""
    root, parents, how = out / node.name, [out / need for need in node.needs], node.settings
    if isinstance(how, GenerateSettings):
        generate(how, root, workers)
    elif isinstance(how, LabelSettings):
        collection, stem = share_shapes(Collection.open(parents[0]), root), f"knowledge-{how.teacher}"
        # Where all failed, as with a detector that is broken, the next run is there to try again.
        lost = bool(collection.failures(stem)) and not collection.ids(stem)
        label(collection, how, workers, retry_failed=lost)
    elif isinstance(how, DistillSettings):
        distill({how.source: parents[0]}, how, root)
    elif isinstance(how, EvalSettings):
        tested = node.test.root if node.test is not None else parents[1]
        score(Subject(student=str(parents[0])), tested, how, root, overwrite=False)


def is_done(node: Node, out: Path) -> bool:
    """Whether a node's result is there, whole; told without computing anything."""
    root = out / node.name
    if node.stage == DISTILL:
        left = checkpoint_folder(root).exists()  # by a kill between a training's last two steps; `distill` ends it
        return (root / RECORD).is_file() and not left
    if node.stage == EVAL:
        return is_whole(root)
    try:
        return (root / INFO).is_file() and _is_built(Collection.open(root), node.settings)
    except InputError:  # damaged: the stage says so, or mends it
        return False


def _is_built(collection: Collection, settings: Settings) -> bool:
    """Whether all shards of shapes, and of knowledge where these are its settings, are there."""
    whole = collection.finished()
    made = sum(len(record.samples) for record in collection.records() if record.shard in whole)
    if made != collection.info.get("count") or not has_card(collection):
        return False
    if not isinstance(settings, LabelSettings):
        return True
    stem = f"knowledge-{settings.teacher}"
    missing = {record.number for record in collection.records()} - {r.number for r in collection.records(stem)}
    return not missing and len(collection.finished(stem)) == len(whole) and bool(collection.ids(stem))


def _trained(category: str, variant: Variant, seed: int) -> list[Node]:
    """The nodes of one student: shapes, knowledge, training."""
    of = {"category": category, "seed": seed}
    shapes = _node(category, str(seed), variant.generate.model_copy(update=of))
    known = _node(category, str(seed), variant.label.model_copy(update={"seed": seed}), (shapes.name,))
    taught = variant.distill.model_copy(update=of | {"teacher": variant.label.teacher})
    return [shapes, known, _node(category, str(seed), taught, (known.name,))]


def _scored(category: str, how: EvalSettings, seed: int, student: str, test: Test) -> list[Node]:
    """The node of a student's scores, after that of the shapes it is scored on where they are generated."""
    given = how.model_dump(exclude_defaults=True) | {"seed": seed}
    if isinstance(test, ScoredOn):
        return [_node(category, str(seed), how_scored(test, given | test.options), (student,), test)]
    shapes = _node(category, "", test.settings.model_copy(update={"category": category}))
    settings = how_scored(ScoredOn("collection", Path(), {}), given)
    return [shapes, _node(category, str(seed), settings, (student, shapes.name))]


def _test(
    sweep: Sweep, category: str, students: list[tuple[EvalSettings, int, str]], out: Path
) -> tuple[Test | None, str]:
    """The first test set that has a category, and what was wrong with those before it; why none has, otherwise."""
    reasons: list[str] = []
    faults: list[str] = []
    for test in sweep.tests:
        if isinstance(test, Fresh):
            return test, "; ".join(faults)
        nodes = [_scored(category, how, seed, student, test)[-1] for how, seed, student in students]
        try:
            if not any(is_done(node, out) for node in nodes):
                read_dataset(how_scored(test, test.options), category, test.root)
            return test, "; ".join(faults)
        except (SettingsError, InputError) as error:
            reasons.append(f"{test.dataset}: {error}")
            if isinstance(error, InputError) and not isinstance(error, NothingError):
                faults.append(f"not on {reasons[-1]}")
    return None, "; ".join(reasons) or "no test set is named"


def _node(
    category: str, seed: str, settings: Settings, needs: tuple[str, ...] = (), test: ScoredOn | None = None
) -> Node:
    """A node with its name."""
    (stage,) = (stage for stage, kind in STAGES.items() if isinstance(settings, kind))
    asked = settings.recorded() if isinstance(settings, GenerateSettings | LabelSettings) else settings.model_dump()
    identity = [stage, asked, needs, None if test is None else [test.dataset, str(test.root), test.options]]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    word = _FOLDERS[stage] if seed else "fresh"
    return Node("-".join(filter(None, (f"{category}/{word}", seed, digest))), stage, settings, needs, test)
