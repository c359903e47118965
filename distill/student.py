"""A trained student: one network per category, saved and loaded in the Hub's own layout."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from jaxtyping import Float, Float32, Int16, Int64
from safetensors import SafetensorError
from safetensors.torch import load_file
from scipy.spatial import KDTree
from torch import Tensor, nn

from distill.students import STUDENTS
from distill.students.point_ops import stack
from gen3d.errors import InputError, MissingError, SettingsError, StorageError
from gen3d.shape import Shape, frame, yaw
from gen3d.storage import fsync_folder, make_folder, storage_error

POINTS = 2048  # what students see at a time (method.md, section 5)

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


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

    def save(self, folder: Path) -> None:
        """model.safetensors, README.md and config.json, each whole or not at all; other files there are left alone.

        Raises StorageError.
        """
        make_folder(folder)
        try:
            with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder) as temporary:
                self.save_pretrained(temporary)
                for name in ("model.safetensors", "README.md", "config.json"):  # without the last it is no student
                    os.replace(Path(temporary) / name, folder / name)
            fsync_folder(folder)
        except OSError as error:
            raise storage_error(folder, error) from None
        except SafetensorError as error:  # how safetensors reports a full disk
            raise StorageError(f"can't write {folder}: {' '.join(str(error).split())}") from None

    @classmethod
    def load(cls, name: str | Path) -> Student:
        """A saved student, from a folder or a Hub id. Weights are read from safetensors only, and strictly.

        Raises:
            InputError: a folder that holds no student, or a damaged one.
            MissingError: a Hub id that can't be downloaded.
        """
        folder = Path(name)
        if not folder.exists() and str(name).count("/") == 1 and not folder.parent.exists():
            folder = _downloaded(str(name))
        if not (folder / "config.json").is_file():
            hint = "pickled checkpoints are never loaded; " if folder.suffix in PICKLES else ""
            raise InputError(
                f"{name}: is not a student (no config.json there); {hint}give a folder made with `gen3d distill`"
            )
        if not (folder / "model.safetensors").is_file():
            pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in PICKLES]
            hint = f"{pickles[0]} is pickled and never loaded; " if pickles else ""
            raise InputError(f"{name}: has no model.safetensors; {hint}convert the weights to safetensors")
        try:
            student = cls(**json.loads((folder / "config.json").read_text()))
            student.load_state_dict(load_file(folder / "model.safetensors"))
        except (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{name}: is not a usable student ({reason[:300]})") from None
        return student.eval()

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The README.md beside the weights."""
        record = "\n".join(f"- {key}: {value}" for key, value in self.training_record.items())
        return ModelCard(
            f"---\nlicense: apache-2.0\nlibrary_name: gen3d\ntags:\n- point-cloud-segmentation\n---\n\n"
            f"# gen3d student: {self.category}\n\nSegments point clouds and meshes of a {self.category} into "
            f"{', '.join(self.parts)}. Distilled from a 2D teacher without human labels.\n\n"
            f"```python\nfrom distill.student import Student\nstudent = Student.load('this folder or Hub id')\n```\n\n"
            f"Made with:\n\n{record}\n\nFrame: +Y up; points are normalised by the student itself.\n"
        )


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


def _downloaded(name: str) -> Path:
    """The folder of a Hub repository, from the cache or the network. Raises MissingError."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["config.json", "model.safetensors"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise MissingError(f"{name}: no such folder, and the Hub gave no student of that name ({reason})") from None
