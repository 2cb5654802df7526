"""Which device ``auto`` is."""

import torch

from privaudit.errors import ConfigError


def resolve_device(name: str) -> str:
    """Return a device that is there.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` takes a CUDA device where there is one.

    Raises:
        ConfigError: if the device is not there.
    """
    if name == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"device {name} was asked for, and torch sees no CUDA device. Use --device cpu.", key="device"
        )
    number = int(name.partition(":")[2] or 0) if name.startswith("cuda") else 0
    if name.startswith("cuda") and number >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name} was asked for, and torch sees {torch.cuda.device_count()} CUDA devices, counted from 0.",
            key="device",
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device mps was asked for, and torch sees none. Use --device cpu.", key="device")
    return name
