"""Several views of each image: the record itself, mirrored, and shifted by a pixel."""

from collections.abc import Iterator

import torch

from privaudit.scoring.signals import SHIFT


def views(features: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the 18 views of all images, the images themselves first.

    Plain and mirrored from left to right, each shifted by -1, 0 or 1 pixels along both axes; what a shift uncovers is
    filled by reflection at the border.

    Args:
        features: ``(n_records, ...)`` images.

    Source: Carlini et al., "Membership Inference Attacks From First Principles", S&P 2022, section VI-B (queries that
    mirror and shift).
    """
    height, width = features.shape[-2:]
    offsets = (0, -SHIFT, SHIFT)
    for images in (features, features.flip(-1)):
        padded = torch.nn.functional.pad(images, (SHIFT,) * 4, mode="reflect")
        for down in offsets:
            for right in offsets:
                top, left = SHIFT - down, SHIFT - right
                yield padded[..., top : top + height, left : left + width].contiguous()
