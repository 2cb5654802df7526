"""What each attack on the distribution does, in plain words, and who published it."""

SURI_EVANS = "Suri, Evans. Formalizing and Estimating Distribution Inference Risks. PETS 2022."
PIN = (
    "Ganju, Wang, Yang, Gunter, Borisov. Property Inference Attacks on Fully Connected Neural Networks using Permutation Invariant "
    "Representations. CCS 2018; Suri, Evans, PETS 2022."
)
DISSECTING = "Suri, Lu, Chen, Evans. Dissecting Distribution Inference. IEEE SaTML 2023."

DISTRIBUTION_METHODS = {
    "loss_test": (
        "Says the world on whose records the model is right more often. Needs no shadow models; the weakest yardstick.",
        SURI_EVANS,
    ),
    "threshold_test": (
        (
            "Looks at how often the model is right on the records of one world, and compares with the threshold that tells "
            "shadow models of both worlds apart best."
        ),
        SURI_EVANS,
    ),
    "per_point": (
        (
            "Sets a threshold on each query record that tells shadow models of both worlds apart, and lets the records that do "
            "so best vote."
        ),
        DISSECTING,
    ),
    "meta_classifier": (
        "Trains a small network on what shadow models of both worlds say about the query records.",
        "Zhang, Tople, Ohrimenko. Leakage of Dataset Properties in Multi-Party Machine Learning. USENIX Security 2021.",
    ),
    "kl": (
        (
            "Measures how far the model's answers are from those of each shadow model (Kullback-Leibler divergence), and lets all "
            "pairs of shadow models of both worlds vote on which one is nearer."
        ),
        DISSECTING,
    ),
    "kl_calibrated": (
        (
            "The votes of the KL attack against a threshold that is set on shadow models. Where the shadow models of one world vary "
            "more than those of the other, the plain vote puts every model into one world; this one does not."
        ),
        f"{DISSECTING} The calibration is this project's own.",
    ),
    "kl_label": ("The KL attack on a model that gives labels alone; the shadow models' scores are known.", DISSECTING),
    "gauss": (
        (
            "Fits, for each query record, normal curves to what shadow models of both worlds say, and adds up the likelihood "
            "ratios of the model's answers."
        ),
        "This project's own.",
    ),
    "kl_regression": (
        "Estimates the ratio itself from how near the model's answers are to those of shadow models of several ratios.",
        f"{DISSECTING} The published weights prefer the farther ratios; these prefer the nearer ones.",
    ),
    "snap": (
        (
            "Uses that the adversary has added records to every training set: they have the property, and another class than their "
            "own. The fewer records of the data have the property, the more this moves what a model says about such records, "
            "compared with others of their class; a few shadow models say how far in either world."
        ),
        (
            "Chaudhari, Abascal, Oprea, Jagielski, Tramèr, Ullman. SNAP: Efficient Extraction of Private Properties with Poisoning. "
            "IEEE S&P 2023."
        ),
    ),
    "pin": (
        (
            "Looks at the weights themselves: networks trained on shadow models' weights say which world a model is from. In the strict "
            "form, which is the default, they take the neurons of a layer together, so that their order, which means nothing, changes "
            "nothing."
        ),
        PIN,
    ),
    "pin_regression": (
        "Estimates the ratio itself from a model's weights, by a network trained on the weights of shadow models of several ratios.",
        PIN,
    ),
    "training_set": (
        (
            "Looks at no model at all: tells the worlds apart by the size of the training sets, or by their share of one class. "
            "Where that succeeds, attacks may have found the size or the class share and not the property."
        ),
        "This project's own check.",
    ),
}
