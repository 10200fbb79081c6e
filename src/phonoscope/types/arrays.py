"""The kinds of array that rooms share."""

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8] | NDArray[np.uint16]
Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
