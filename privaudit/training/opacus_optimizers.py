"""Which of Opacus's optimizers an audit with canaries can watch."""

from opacus.optimizers import AdaClipDPOptimizer, DistributedDPOptimizer, DPOptimizer
from opacus.optimizers.ddp_perlayeroptimizer import DistributedPerLayerOptimizer
from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping

from privaudit.errors import UnsupportedError


def check_optimizer(optimizer: object) -> None:
    """Refuse what cannot be watched.

    Args:
        optimizer: what ``make_private`` returned.

    Raises:
        UnsupportedError: says what it is and what to do.
    """
    if isinstance(optimizer, DPOptimizerFastGradientClipping):
        raise UnsupportedError(
            "ghost clipping never forms a record's gradient: no gradient canary can be put before its clip, and neither batch "
            'sizes nor noise be looked at. Make the engine private with grad_sample_mode="hooks", or put record canaries in '
            "by `privaudit canaries insert`."
        )
    if not isinstance(optimizer, DPOptimizer):
        raise UnsupportedError(
            f"a canary audit is attached to the optimizer that make_private returned; got {type(optimizer).__name__}."
        )
    if isinstance(optimizer, AdaClipDPOptimizer):
        raise UnsupportedError(
            "adaptive clipping counts records at every clip and spends part of the noise on that count, which a canary audit "
            'would disturb. Make the engine private with clipping="flat" or "per_layer".'
        )
    if isinstance(optimizer, DistributedDPOptimizer | DistributedPerLayerOptimizer):
        raise UnsupportedError(
            "noise is added by one of several processes, so no process sees a step's noisy sum. Train in one process."
        )
