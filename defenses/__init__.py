"""What lowers the risk: training options, data transforms and output filters (``base`` names the three kinds).

``dp_sgd``, ``label_smoothing``, ``weight_decay`` and ``early_stopping`` change the recipe by which a model is trained,
``resampling`` and ``label_noise`` what it is trained on, ``temperature``, ``top_k``, ``rounding`` and ``output_noise`` what
it says. Only ``dp_sgd`` comes with a guarantee. A defense is to be judged against an attacker who knows it and trains
shadow models with it, and a filter on outputs against one who looks at labels alone.
"""
