"""From a config to a report: plan, collect, analyse.

`plan` and `run` touch models; `analyse` and what it calls work on stored files alone, without torch.
"""

from privaudit.pipeline.run import run_audit, train_shadows

__all__ = ["run_audit", "train_shadows"]
