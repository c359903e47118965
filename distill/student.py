"""A trained student: one network per category, saved and loaded in the Hub's own layout."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from jaxtyping import Float, Float32, Int16, Int64
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy.spatial import KDTree
from torch import Tensor, nn

from distill.finding import CARD, CONFIG, WEIGHTS, HubOptions, find_student
from distill.model_card import model_card
from distill.students import STUDENTS
from distill.students.point_ops import stack
from gen3d.errors import InputError, SettingsError, StorageError
from gen3d.shape import Shape, frame, yaw
from gen3d.shape_like import ShapeLike
from gen3d.storage import fsync_folder, make_folder, storage_error

if TYPE_CHECKING:
    from distill.segmented import Segmentation

POINTS = 2048  # what students see at a time (method.md, section 5)
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}  # of weights in a file


class Student(nn.Module, PyTorchModelHubMixin):
    """Segments clouds and meshes of one category.

    Args:
        category: what it was trained on.
        parts: part names in label order.
        network: a name in `STUDENTS`.
        options: of the network's constructor.
        training: how it was made; kept in config.json.
    """

    def __init__(
        self,
        category: str,
        parts: list[str],
        network: str = "small",
        options: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if network not in STUDENTS:
            raise SettingsError(f"unknown student {network!r}; known are: {', '.join(STUDENTS)}")
        self.category, self.parts, self.training_record = category, tuple(parts), dict(training or {})
        self.network_name, self.options = network, options
        self.network = STUDENTS[network](len(parts), **(options or {}))

    @torch.inference_mode()
    def logits(
        self, clouds: list[Float32[np.ndarray, "N 3"]], passes: int = 1, batch: int = 16
    ) -> Float32[np.ndarray, "S N R"]:
        """Part logits of S clouds of the same number of points, 512 at least; see `normalised_clouds`.

        Args:
            clouds: in any frame with +Y up.
            passes: 1 is the plain network. More of them average its log-probabilities over clouds in other orders (so
                with other patches), turned evenly about +Y and stretched by up to a tenth: "voting" in this field.
            batch: clouds at a time.
        """
        self.eval()
        total = np.zeros((len(clouds), len(clouds[0]), len(self.parts)), np.float32)
        for number in range(passes):
            order, distortion = variation(number, passes, len(clouds[0]))
            varied = [(cloud @ distortion.T).astype(np.float32)[order] for cloud in clouds]
            for start in range(0, len(clouds), batch):
                some = varied[start : start + batch]
                near = stack([self.network.prepare(cloud) for cloud in some])[:]  # type: ignore[operator]
                points = normalised_clouds(torch.from_numpy(np.stack(some)))
                total[start : start + batch, order] += self.network(points, near).float().log_softmax(-1).numpy()
        return total / passes

    def label_points(
        self, shape: Shape, seed: int = 0, passes: int = 4
    ) -> tuple[Int16[np.ndarray, " N"], Float32[np.ndarray, " N"]]:
        """Part and confidence of every stored point of a cloud in any frame; see `label_positions`."""
        if shape.points is None:
            raise InputError(f"{shape.id}: has no points")
        return self.label_positions(shape, shape.points, seed, passes)

    def label_faces(
        self, shape: Shape, seed: int = 0, passes: int = 4
    ) -> tuple[Int16[np.ndarray, " F"], Float32[np.ndarray, " F"]]:
        """Part and confidence of every face of a mesh in any frame, taken at its centroid."""
        return self.label_positions(shape, shape.centroids(), seed, passes)

    def label_positions(
        self, shape: Shape, positions: Float32[np.ndarray, "M 3"], seed: int = 0, passes: int = 4
    ) -> tuple[Int16[np.ndarray, " M"], Float32[np.ndarray, " M"]]:
        """Part and confidence at any positions on a shape; see `probabilities`."""
        mean = self.probabilities(shape, positions, seed, passes)
        return mean.argmax(1).astype(np.int16), mean.max(1).astype(np.float32)

    def probabilities(
        self, shape: Shape, positions: Float32[np.ndarray, "M 3"], seed: int = 0, passes: int = 4
    ) -> Float32[np.ndarray, "M R"]:
        """Probability of every part at any positions on a shape, from `passes` independent samples of 2,048 points.

        Each position takes the mean of its three nearest samples. Only +Y up is assumed of the frame.
        """
        centre, radius = frame(shape.positions(), shape.id)
        house = shape.transformed(np.eye(3) / radius, -centre / radius)  # normalised
        clouds = house.samplings(POINTS, range(seed, seed + passes))
        logits = self.logits([c.points for c in clouds if c.points is not None])
        samples = np.concatenate([c.points for c in clouds if c.points is not None])
        probability = torch.from_numpy(logits).softmax(-1).numpy().reshape(len(samples), -1)
        _, nearest = KDTree(samples).query(((positions - centre) / radius).astype(np.float32), k=3)
        return probability[nearest].mean(1)

    def segment(
        self,
        mesh: ShapeLike,
        *,
        up: str | None = None,
        smooth: bool | None = None,
        passes: int | None = None,
        seed: int | None = None,
    ) -> Segmentation:
        """The parts of one shape, in its own frame and order. Labels that it carries are not looked at.

        >>> import numpy as np
        >>> student = Student("mug", ["handle", "cup"], options={"width": 32, "depth": 1})  # untrained
        >>> cloud = np.random.default_rng(0).normal(size=(600, 3))
        >>> found = student.segment(cloud, passes=1)
        >>> found.labels.shape, found.part_names, bool(found.confidence.min() >= 0.5)
        ((600,), ('handle', 'cup'), True)

        Args:
            mesh: a file, a trimesh object, a gen3d `Shape`, (vertices, faces) or an array of points; see
                `gen3d.shape_like`.
            up, smooth, passes, seed: see `distill.segmentation.SegmentSettings`, whose defaults they have.

        Raises:
            SettingsError: a setting out of range.
            InputError: what is given is no shape, or a file that holds several.
        """
        from distill.segmented import segment_one

        return segment_one(self, mesh, {"up": up, "smooth": smooth, "passes": passes, "seed": seed})

    def save(self, folder: str | Path, precision: str = "float32") -> None:
        """model.safetensors, README.md and config.json, each whole or not at all; other files there are left alone.

        Args:
            folder: created where absent.
            precision: of the weights in the file: float32, float16 or bfloat16. `load` makes them float32.

        Raises:
            SettingsError: an unknown precision, or one that a weight is too large for.
            StorageError: the disk is full, read-only or gone.
        """
        folder = make_folder(folder)
        try:
            with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder) as temporary:
                self.save_pretrained(temporary, model_card_kwargs={"precision": precision})
                _lower(Path(temporary) / WEIGHTS, precision)
                for name in (WEIGHTS, CARD, CONFIG):  # without the last it is no student
                    os.replace(Path(temporary) / name, folder / name)
            fsync_folder(folder)
        except OSError as error:
            raise storage_error(folder, error) from None
        except SafetensorError as error:  # how safetensors reports a full disk
            raise StorageError(f"can't write {folder}: {' '.join(str(error).split())}") from None

    @classmethod
    def load(cls, name: str | Path, hub: HubOptions | None = None, shipped: Path | None = None) -> Student:
        """A saved student. Weights are read from safetensors only, and strictly.

        Args:
            name: a folder; else a category whose student ships ("chair"); else a Hub id. A folder of that name wins.
            hub: for a Hub id: revision, token, whether to go online.
            shipped: where those that ship are; None: in the package.

        Raises:
            InputError: no student, or a damaged one: tensors that are missing, unexpected or of another size.
            MissingError: a Hub id that can't be downloaded.
        """
        folder = find_student(name, hub, shipped)
        try:
            student = cls(**json.loads((folder / CONFIG).read_text()))
            student.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{name}: is not a usable student ({reason[:300]})") from None
        return student.eval()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
    ) -> Student:
        """`load` under the name and with the options that the Hub's libraries have.

        The mixin's own would fill what is missing with random weights, and read pickled ones where there are no others.
        """
        hub = HubOptions(revision, token, cache_dir, local_files_only, force_download)
        return cls.load(pretrained_model_name_or_path, hub)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload config.json, model.safetensors and README.md, and nothing else; makes the repository where absent.

        Args:
            repo_id: such as "me/chair-parts".
            options: private, token, branch, commit_message, create_pr: see `huggingface_hub.PyTorchModelHubMixin`.

        Returns:
            The address of the commit.

        Raises StorageError where the Hub can't be reached or does not take it.
        """
        try:
            return super().push_to_hub(repo_id, **options)
        except (MemoryError, TypeError):  # TypeError: an unknown option
            raise
        except Exception as error:  # the errors of networks have no common ancestor
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            hint = "log in with `hf auth login`, or give a token that may write there"
            raise StorageError(f"{repo_id}: can't be uploaded to the Hub ({reason}); {hint}") from None

    def _save_pretrained(self, save_directory: Path) -> None:
        """The weights and config.json, from what the student is now; the mixin keeps what it was made from."""
        super()._save_pretrained(save_directory)
        config = {"category": self.category, "parts": list(self.parts), "network": self.network_name}
        config |= {"options": self.options, "training": self.training_record}
        (save_directory / CONFIG).write_text(json.dumps(config, sort_keys=True, indent=2))

    def generate_model_card(self, *args: Any, precision: str = "float32", **kwargs: Any) -> ModelCard:
        """The README.md beside the weights; see `distill.model_card`."""
        return ModelCard(model_card(self.category, self.parts, self.training_record, precision))


def variation(number: int, passes: int, count: int) -> tuple[Int64[np.ndarray, " N"], Float[np.ndarray, "3 3"]]:
    """Order of the points and distortion of the frame in one of several passes; the first changes nothing."""
    if number == 0:
        return np.arange(count), np.eye(3)
    rng = np.random.default_rng(number)
    return rng.permutation(count), yaw(360 * number / passes) @ np.diag(np.exp(rng.uniform(-0.1, 0.1, 3)))


def normalised_clouds(points: Float32[Tensor, "B N 3"]) -> Float32[Tensor, "B N 3"]:
    """Bounding-box centre of the points at 0, largest radius 1: what students see in training, re-scoring and use."""
    centred = points - (points.amin(1, keepdim=True) + points.amax(1, keepdim=True)) / 2
    return centred / centred.norm(dim=-1).amax(1)[:, None, None]


def _lower(path: Path, precision: str) -> None:
    """Store the weights of a file in another precision. Raises SettingsError for one that does not hold them."""
    if precision not in PRECISIONS:
        raise SettingsError(f"precision = {precision!r}: is none of {', '.join(PRECISIONS)}")
    if precision == "float32":
        return
    kind = PRECISIONS[precision]
    lowered = {name: x.to(kind) if x.is_floating_point() else x for name, x in load_file(path).items()}
    if over := [name for name, x in lowered.items() if not x.isfinite().all()]:
        raise SettingsError(f"precision = {precision!r}: has no room for the weights of {over[0]}; take bfloat16")
    save_file(lowered, path, {"format": "pt"})
