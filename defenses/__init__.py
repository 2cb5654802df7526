"""What lowers the risk: data transforms, training options and output filters.

``resampling`` and ``label_noise`` change what a model is trained on, ``output_noise`` what it says (``base`` names the two
kinds). DP-SGD is part of a training recipe, see ``dp`` there. A defense is to be judged against an attacker who knows it
and trains shadow models with it.
"""
