"""What each defense does, in plain words, and who published it."""

CHOQUETTE = "Choquette-Choo, Tramèr, Carlini, Papernot. Label-Only Membership Inference Attacks. ICML 2021."
SHOKRI = (
    "Shokri, Stronati, Song, Shmatikov. Membership Inference Attacks against Machine Learning Models. IEEE S&P 2017."
)
DISSECTING = "Suri, Lu, Chen, Evans. Dissecting Distribution Inference. IEEE SaTML 2023."

DEFENSE_METHODS = {
    "dp_sgd": (
        (
            "Clips what each record may contribute to a step of training, and adds noise: the one defense here with a guarantee. "
            "Clipping and a shorter training alone lower a leak too; the same recipe without noise shows how much."
        ),
        (
            "Abadi et al. Deep Learning with Differential Privacy. CCS 2016. Noise for a wanted risk: Kulynych et al. "
            "Attack-Aware Noise Calibration for Differential Privacy. NeurIPS 2024."
        ),
    ),
    "label_smoothing": (
        "Trains on labels that are a little uncertain. That makes models less sure of themselves; it may also help an attacker.",
        (
            "Szegedy et al. Rethinking the Inception Architecture for Computer Vision. CVPR 2016. Both edges: Kaya, Hong, Dumitras, "
            "arXiv 2006.05336; Struppek, Hintersdorf, Kersting, ICLR 2024."
        ),
    ),
    "weight_decay": (
        "Pulls all weights towards 0 at every step, which makes it harder to learn records by heart.",
        SHOKRI,
    ),
    "early_stopping": (
        "Trains for a share of the steps, the same for every model, so that there is less time to learn records by heart.",
        (
            "Song, Mittal. Systematic Evaluation of Privacy Risks of Machine Learning Models. USENIX Security 2021. The public "
            "schedule is this project's own."
        ),
    ),
    "temperature": (
        (
            "Flattens the probabilities that the model gives away. Their order stays: an attacker who knows the temperature turns it "
            "back, and who looks at labels alone sees no difference."
        ),
        f"Guo, Pleiss, Sun, Weinberger. On Calibration of Modern Neural Networks. ICML 2017. As a defense: {SHOKRI} {CHOQUETTE}",
    ),
    "top_k": (
        (
            "Gives away the probabilities of the likeliest classes alone. It hides scores; attacks that look at labels alone see what "
            "they saw before."
        ),
        f"{SHOKRI} {CHOQUETTE}",
    ),
    "rounding": (
        "Rounds the probabilities that the model gives away. Attacks that look at labels alone see what they saw before.",
        f"{SHOKRI} {CHOQUETTE}",
    ),
    "output_noise": (
        (
            "Adds noise to the probabilities that the model gives away. Who asks often, for slightly different records, averages it "
            "away: it costs an attacker queries and does not stop one."
        ),
        "This project's own. Averaging: Asghar, Kaafar. PoPETs 2020.",
    ),
    "resampling": (
        "Draws training sets anew, so that all have one and the same share of records with the property.",
        DISSECTING,
    ),
    "label_noise": ("Changes a share of the training labels at random.", DISSECTING),
}
DEFENSE_NAMES = {
    "dp_sgd": "DP-SGD",
    "label_smoothing": "label smoothing",
    "weight_decay": "weight decay",
    "early_stopping": "early stopping",
    "temperature": "temperature",
    "top_k": "top-k outputs",
    "rounding": "rounding of outputs",
    "output_noise": "noise on outputs",
    "resampling": "re-sampling",
    "label_noise": "label noise",
}
