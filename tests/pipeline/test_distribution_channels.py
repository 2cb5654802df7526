"""Which numbers of training sets are named as giving worlds away."""

import pytest

from privaudit.data.world_channels import WorldChannel
from privaudit.pipeline.distribution.channels import channel_warnings

NAMES = ("50 %", "20 %", "80 %")


def channel(name, world=1, *, p_value=1e-9, n_apart=1.0, is_fixed=False):
    return WorldChannel(
        name=name,
        world=world,
        accuracy=1.0,
        n_right=20,
        n_victims=20,
        p_value=p_value,
        n_apart=n_apart,
        is_fixed=is_fixed,
        is_constant=False,
    )


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ([channel("size"), channel("class 1 share", n_apart=0.4)], ["size"]),  # rounding to whole records
        ([channel("size"), channel("class 1 share", n_apart=9.0)], ["size", "class 1 share"]),
        ([channel("size"), channel("class 1 share", 2, n_apart=0.4)], ["size", "class 1 share"]),  # of another world
        ([channel("distinct records"), channel("class 1 share"), channel("class 8 share")], None),
        ([channel("size", p_value=0.3, is_fixed=True)], ["size"]),  # few victims, and no chance
        ([channel("class 1 share", p_value=0.3, is_fixed=True)], []),  # that may be chance
        ([channel("size", p_value=0.3)], []),
        ([channel("size", p_value=0.0009)], ["size"]),
        ([channel("size", p_value=0.0009), channel("class 1 share", p_value=0.9)], []),  # two looks share the level
    ],
)
def test_what_gives_worlds_away_is_named(channels, named):
    warnings = channel_warnings(channels, NAMES)
    wanted = [one.name for one in channels] if named is None else named
    words = {"size": "size of the", "distinct records": "distinct records in"}
    assert len(warnings) == len(wanted)
    for warning, name in zip(warnings, wanted, strict=True):
        assert words.get(name, name) in warning and warning.startswith("Warning: ")
