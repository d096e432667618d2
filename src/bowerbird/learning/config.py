"""Settings that several domains share. This module doesn't import torch."""

from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
