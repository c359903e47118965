"""P-FID and P-IS: what the features of a classifier say of generated clouds (Nichol et al. 2022, section 5.1).

Both are FID (Heusel et al. 2017, eq. 6) and the inception score (Salimans et al. 2016, section 4) with Point-E's
PointNet++ in the place of the classifier of images. Published figures are of 10,000 clouds: with few, P-FID comes out
too large and P-IS too small, so compare sets of one size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

SPLIT = 5000  # clouds that a P-IS is of; of more, it is the mean of each so many

Cloud = Float32[np.ndarray, "_ 3"]
# From N clouds to (N, C) features and (N, K) log probabilities of classes, as `gen3d.pointnet.PointNet.answers`.
Classifier = Callable[[Sequence[Cloud]], tuple[Float[np.ndarray, "N C"], Float[np.ndarray, "N K"]]]


class FeatureMeasures(NamedTuple):
    """What the features say.

    Args:
        p_is: how sure the classifier is of each shape and how various its answers are: from 1 to 40, more is better.
        p_fid: distance to the features of the reference, 0 at best; None without one.
    """

    p_is: float
    p_fid: float | None


def feature_measures(classifier: Classifier, clouds: Sequence[Cloud], reference: Sequence[Cloud]) -> FeatureMeasures:
    """The measures of a set of clouds, at least 2; beside a reference unless that is empty."""
    features, log_probabilities = classifier(clouds)
    p_fid = frechet_distance(features, classifier(reference)[0]) if reference else None
    return FeatureMeasures(inception_score(log_probabilities), p_fid)


def frechet_distance(a: Float[np.ndarray, "A C"], b: Float[np.ndarray, "B C"]) -> float:
    """Squared 2-Wasserstein distance of the normal distributions with the means and covariances of two sets.

    |m - n|² + tr S + tr T - 2 tr (S T)^½ with unbiased S and T (Dowson & Landau 1982). With factors S = P' P and
    T = Q' Q the last trace is the sum of the singular values of P Q': that needs no root of a product that is singular
    for less than C + 1 samples, where scipy's `sqrtm` is off by 1e-4 and may turn complex.
    """
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    p, q = _factor(wide_a), _factor(wide_b)
    between = np.linalg.svd(p @ q.T, compute_uv=False).sum()
    apart = wide_a.mean(0) - wide_b.mean(0)
    return max(0.0, float(apart @ apart + (p**2).sum() + (q**2).sum() - 2 * between))


def inception_score(log_probabilities: Float[np.ndarray, "N K"], split: int = SPLIT) -> float:
    """exp of the mean divergence of p(class | cloud) from their mean, per `split` clouds in order; then the mean."""
    scores = []
    for start in range(0, len(log_probabilities), split):
        logs = log_probabilities[start : start + split].astype(np.float64)
        mean = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
        scores.append(np.exp((np.exp(logs) * (logs - mean)).sum(1).mean()))
    return float(np.mean(scores))


def _factor(features: Float64[np.ndarray, "N C"]) -> Float64[np.ndarray, "r C"]:
    """A matrix P with P' P = the covariance, and no more rows than columns."""
    moved = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(moved, mode="r"))
