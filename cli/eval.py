"""`gen3d eval`: scores on human-labelled shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import output

if TYPE_CHECKING:
    from distill.evaluation import EvalSettings
    from distill.scoring import Subject
    from distill.trainer import Epoch

# as `distill.baselines.BASELINES` and `distill.datasets.DATASETS`; naming them here keeps --help quick
_BASELINES = "votes, pointclip, pointclip-v2, openscene, partslip, satr"
_DATASETS = (
    "collection, coseg, partdistill-h5, partnet-mobility, partnete, psb, shapenetpart, shapenetpart-h5, "
    "shapenetpart-mesh, shapenetpart-pts"
)


def command(
    context: typer.Context,
    student: Path = typer.Option(None, "--student", help="Folder, Hub id, or a category's; tta starts from it."),
    method: str = typer.Option("student", "--method", help=f"student, tta, supervised, or a baseline: {_BASELINES}."),
    category: str = typer.Option(None, "--category", help="For baselines, and tta without --student."),
    teacher: str = typer.Option(None, "--teacher", help="Of baselines and tta: see `gen3d label`.  [default: lite]"),
    option: list[str] = typer.Option([], "--option", help="The teacher's NAME=VALUE, as weights=DIR; may be repeated."),
    set_: list[str] = typer.Option([], "--set", help="NAME=VALUE of the method, as threshold=0.4; may be repeated."),
    dataset: str = typer.Option(None, "--dataset", help=f"{_DATASETS}.  [default: psb]"),
    root: str = typer.Option(..., "--root", help="The data set's folder; a collection's may be a URL."),
    split: str = typer.Option(None, "--split", help="Of sets that have them: train, val, trainval or test."),
    missing: str = typer.Option(None, "--missing", help="Of sets with lists: skip = score what is there."),
    pose: str = typer.Option(None, "--pose", help="psb: canonical or raw."),
    elements: str = typer.Option(None, "--elements", help="faces: of meshes, each counts one.  [default: points]"),
    yaw: str = typer.Option(None, "--yaw", help="random: turn every shape about +Y first.  [default: none]"),
    passes: int = typer.Option(None, "--passes", help="Passes of the student that are averaged.  [default: 16]"),
    tta: str = typer.Option(None, "--tta", help="joint: a student for all test shapes; per-shape.  [default: joint]"),
    network: str = typer.Option(None, "--network", help="tta without --student: the network.  [default: small]"),
    encoder: Path = typer.Option(None, "--encoder", help="tta without --student: see `gen3d distill`."),
    finetune: bool = typer.Option(None, "--finetune/--frozen", help="tta without --student: see `gen3d distill`."),
    other: bool = typer.Option(None, "--other/--no-other", help='The same: learn "other".  [default: on partnete]'),
    copies: int = typer.Option(None, "--copies", help="tta: point samplings per test shape.  [default: 8]"),
    epochs: int = typer.Option(None, "--epochs", help="tta: passes.  [default: 40, 240 steps; with --student 10, 60]"),
    steps: int = typer.Option(None, "--steps", help="tta: batches per epoch.  [default: as many as hold every copy]"),
    lr: float = typer.Option(None, "--lr", help="tta: learning rate.  [default: as distill, with --student 0.0003]"),
    backward: bool = typer.Option(None, "--backward/--forward-only", help="tta: re-score.  [default: backward]"),
    renderer: str = typer.Option(None, "--renderer", help="Of views: see `gen3d label`.  [default: auto]"),
    views: int = typer.Option(None, "--views", help="Baselines and tta: cameras.  [default: 10]"),
    size: int = typer.Option(None, "--size", help="Pixels along a view's side.  [default: the teacher's]"),
    every_epoch: bool = typer.Option(False, "--every-epoch", help="Score every epoch that --keep-epochs kept, too."),
    leave_out: str = typer.Option(None, "--leave-out", help="Parts not to score, comma-separated."),
    out: Path = typer.Option(None, "--out", help="For scores.json and report.png.  [default: beside the student]"),
    preset: str = output.PRESET,
    seed: int = output.SEED,
    workers: int = typer.Option(None, "--workers", min=1, help="Processes.  [default: this one, on ray all nodes']"),
    executor: str = output.EXECUTOR,
    address: str = output.ADDRESS,
    gpus_per_worker: float = output.GPUS,
    retries: int = output.RETRIES,
    overwrite: bool = output.OVERWRITE,
    as_json: bool = output.JSON,
) -> None:
    """Score a student, one aligned on the test shapes themselves without their labels, or a baseline.

    Test shapes have human labels, which the score alone uses. Writes scores.json
    and report.png. supervised is the ceiling: it learns from human labels of
    other shapes (--set folds=4, shots=8, train=SPLIT).
    """
    from distill.evaluation import EvalSettings
    from gen3d.errors import SettingsError
    from gen3d.settings import resolve

    given = output.settings_given(context, EvalSettings) | {"leave_out": output.names(leave_out)}
    settings = resolve(EvalSettings, preset, **given)
    subject = _subject(context, settings, output.assignments(option), output.assignments(set_, "--set"))
    if every_epoch and method != "student":
        raise SettingsError("--every-epoch: is for --method student; leave it out, or choose that method")
    result, folder = _scored(context, subject, settings)
    _show(result, settings, folder, as_json)


def _scored(context: typer.Context, subject: Subject, settings: EvalSettings) -> tuple[dict[str, Any], Path]:
    """The scores and where they are, those of every epoch too if they are asked for."""
    from distill.epochs import score_epochs
    from distill.evaluation import Run
    from distill.scoring import TTA, score
    from distill.tta import random_fresh_start
    from gen3d.storage import place

    if subject.method == TTA and subject.student is None and (note := random_fresh_start(subject.tta)):
        output.say(note)
    at, out, overwrite = place(context.params["root"]), context.params["out"], context.params["overwrite"]
    with output.progress(f"scoring: {subject.method}", None) as step:
        run = Run(output.crew_given(context, usual=1), lambda count: step(count, ""), _losses(step))
        result, folder, finished = score(subject, at, settings, out, overwrite, run)
    if finished:
        output.say_nothing_to_do(folder, "scored before with the same settings")
    if context.params["every_epoch"]:
        result |= score_epochs(context.params["student"], at, settings, result, folder, overwrite)
    return result, folder


def _show(result: dict[str, Any], settings: EvalSettings, folder: Path, as_json: bool) -> None:
    """The scores on stdout; where the pictures are on stderr."""
    title = f"{result['category']}, {settings.dataset}, {_found(result)}, {result['method']}: mIoU %, "
    title += f"{settings.points} points" if settings.elements == "points" else "all faces"
    output.show(result, as_json, lambda: output.print_table(title, ["part", "IoU"], _rows(result)))
    output.say_renderers(result.get("renderers", {}))
    output.say(f"pictures: {folder / 'report.png'}")


def _subject(
    context: typer.Context, settings: EvalSettings, teachers: dict[str, str], own: Mapping[str, Any]
) -> Subject:
    """What is scored, from the verb's options; `teachers` and `own` are the teacher's and the method's."""
    from distill.scoring import Subject
    from distill.tta import TTASettings, refuse_fresh_options
    from gen3d.asking import LabelSettings, by_setting
    from gen3d.settings import resolve

    method, student, preset = (context.params[name] for name in ("method", "student", "preset"))
    aligning = output.settings_given(context, TTASettings)
    asking = output.settings_given(context, LabelSettings) | teachers
    _check_options(method, aligning, asking, own)
    if student is not None:
        refuse_fresh_options([name for name, value in aligning.items() if value is not None])
    return Subject(
        method=method,
        student=student and str(student),
        category=context.params["category"],
        label=resolve(LabelSettings, preset, **by_setting(asking)),
        tta=resolve(TTASettings, preset, **aligning | {"points": settings.points, "seed": settings.seed}),
        options=dict(own),
    )


def _check_options(method: str, aligning: Mapping[str, Any], asking: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise SettingsError for options of other methods than the one asked for."""
    from gen3d.errors import SettingsError

    wrong = []
    if method != "tta":
        wrong += [(name, "tta") for name in aligning if aligning[name] is not None and name not in asking]
    if method in ("student", "supervised"):
        wrong += [(name, "tta or a baseline") for name in asking if asking[name] is not None and name != "seed"]
    if method in ("student", "tta"):
        wrong += [(f"set {name}", "supervised or a baseline") for name in own]
    for name, methods in wrong:
        raise SettingsError(f"--{name}: is for --method {methods}; leave it out, or choose such a method")


def _losses(step: Callable[[int, str], None]) -> Callable[[Epoch], None]:
    """Moves a bar by epochs, with their loss."""
    return lambda epoch: step(1, f"loss {epoch.loss:.4f}")


def _found(result: dict[str, Any]) -> str:
    return f"{result['shapes_scored']} of {result['shapes_expected']} shapes"


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """The table; on PartNetE by its own metric, with ours, which leaves points of no part out, beside."""
    own = result.get("partnete", {})
    has_own = own.get("miou") is not None
    rows, where = _scores(own if has_own else result), "points of parts alone: " if has_own else ""
    rows += [[f"{where}mean", f"{result['miou']:.1f}"]] if has_own else []
    rows += [[f"{where}worst half", f"{result['worst_half']:.1f}"]]
    if best := result.get("test_selected"):
        rows += [[f"{where}test-selected (epoch {best['epoch']}), not a fair score", f"{best['miou']:.1f}"]]
    return rows


def _scores(found: dict[str, Any]) -> list[list[str]]:
    """Of parts, "-" for one that no shape has; their mean and its interval."""
    low, high = found["interval_95"]
    rows = [[part, "-" if value is None else f"{value:.1f}"] for part, value in found["parts"].items()]
    return [*rows, ["mean", f"{found['miou']:.1f}"], ["  95 % interval", f"{low:.1f} to {high:.1f}"]]
