"""The variants that gradient canaries and the noise probe judge, in the engine of stacked trainings."""

from privaudit.studies.zoo import clip_variants, noise_variants
from privaudit.studies.zoo.variant import Variant

VARIANTS: tuple[Variant, ...] = (*noise_variants.VARIANTS, *clip_variants.VARIANTS)
