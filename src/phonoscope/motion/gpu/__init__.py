"""The engine of PyTorch: the same passes over the pixels on whatever PyTorch drives.

All is single precision, as on the processor; matrix products must not be cut to TF32, which PyTorch
does not do unless it is told to. How many frames are taken at once depends on their size alone, not
on how much memory happens to be free, so that a result can be had again.
"""

from phonoscope.motion.gpu.engine import TorchEngine

__all__ = ["TorchEngine"]
