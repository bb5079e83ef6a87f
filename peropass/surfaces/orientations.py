"""Evenly spread rotations: a low-discrepancy set on SO(3), the same for the same seed."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

# Positive root of psi^4 = psi + 4, one of the two constants of super-Fibonacci spirals.
PSI = 1.533751168755204288118041
PHI = np.sqrt(2.0)


def even_rotations(n: int, seed: int) -> np.ndarray:
    """`n` rotation matrices (n, 3, 3), uniform on SO(3), with a random common rotation from `seed`.

    Super-Fibonacci spirals on the unit quaternions (Alexa, CVPR 2022, 10.1109/CVPR52688.2022.00811).
    """
    s = np.arange(n) + 0.5
    t = s / max(n, 1)
    alpha, beta = 2 * np.pi * s / PHI, 2 * np.pi * s / PSI
    inner, outer = np.sqrt(t), np.sqrt(1 - t)
    quaternions = np.column_stack(
        [
            inner * np.sin(alpha),
            inner * np.cos(alpha),
            outer * np.sin(beta),
            outer * np.cos(beta),
        ]
    )
    common = Rotation.random(random_state=np.random.default_rng(seed))
    return (Rotation.from_quat(quaternions) * common).as_matrix()


def even_angles(n: int, seed: int) -> np.ndarray:
    """`n` angles (n,) in radians on the circle, golden-ratio sequence with an offset from `seed`."""
    offset = np.random.default_rng(seed).random()
    return 2 * np.pi * ((offset + np.arange(n) * (np.sqrt(5.0) - 1) / 2) % 1.0)


def rotation_onto(vector: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest rotation (3, 3) that turns `vector` into the direction of `target`."""
    a = vector / np.linalg.norm(vector)
    b = target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis), float(a @ b)
    if sine < 1e-9:
        if cosine > 0:
            return np.eye(3)
        other = np.eye(3)[np.argmin(np.abs(a))]
        axis = np.cross(a, other)
        return Rotation.from_rotvec(np.pi * axis / np.linalg.norm(axis)).as_matrix()
    return Rotation.from_rotvec(np.arctan2(sine, cosine) * axis / sine).as_matrix()


def rotations_about(axis: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) about one axis by `angles` (n,) in radians."""
    unit = np.asarray(axis, float) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.asarray(angles)[:, None] * unit[None]).as_matrix()
