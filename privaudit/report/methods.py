"""What each method does, in plain words, and who published it."""

from privaudit.report.defense_methods import DEFENSE_METHODS, DEFENSE_NAMES
from privaudit.report.defense_tables import ARM
from privaudit.report.distribution_methods import DISTRIBUTION_METHODS
from privaudit.report.words import attack_text
from privaudit.types import AuditReport, Finding

METHODS = (
    DISTRIBUTION_METHODS
    | DEFENSE_METHODS
    | {
        "loss": (
            "Calls a record a member if the model's loss on it is small. Needs no shadow models; the weakest yardstick.",
            (
                "Yeom, Giacomelli, Fredrikson, Jha. Privacy Risk in Machine Learning: Analyzing the Connection to "
                "Overfitting. CSF 2018."
            ),
        ),
        "score": (
            "Calls a record a member if its score, made elsewhere, is high.",
            "Scores: the user's own. The threshold attack: Yeom et al., CSF 2018.",
        ),
        "blind": (
            (
                "Tells members from non-members by their features alone, without any model. Where it succeeds they differ "
                "by themselves, and an attack that does no better has shown nothing about the model."
            ),
            "Das, Zhang, Tramèr. Blind Baselines Beat Membership Inference Attacks for Foundation Models. 2024.",
        ),
        "lira": (
            (
                "Fits, for each record, how confident shadow models are that trained on it and that did not, and asks "
                "which of the two the target resembles."
            ),
            (
                "Carlini, Chien, Nasr, Song, Terzis, Tramèr. Membership Inference Attacks From First Principles. IEEE S&P "
                "2022."
            ),
        ),
        "averaged_lira": (
            (
                "Asks the same question as lira, of answers averaged over many queries next to each record, so that noise added to the "
                "answers vanishes in the mean."
            ),
            (
                "Carlini et al., IEEE S&P 2022; averaging: Asghar, Kaafar. Averaging Attacks on Bounded Noise-based Disclosure Control "
                "Algorithms. PoPETs 2020."
            ),
        ),
        "nig": (
            (
                "Asks the same question as lira, but steadies the spread of few shadow models by that of all records, so that it "
                "needs fewer of them."
            ),
            (
                "The prior is this project's own. The idea of one: Brännvall, arXiv 2603.11799 (2026); its fit: Smyth, "
                "Statistical Applications in Genetics and Molecular Biology 2004."
            ),
        ),
        "kl_lira": (
            (
                "Asks the same question as lira without knowing how the target was trained: shadow models of several "
                "hyperparameters are there, and those that are most like the target on their own training records serve "
                "(as options the most accurate ones, or those of stated hyperparameters). Where all shadow models share theirs, "
                "as in every audit by privaudit run, it is lira."
            ),
            (
                "Pradhan, Jälkö, Tobaben, Honkela. Hyperparameters in Score-Based Membership Inference Attacks. IEEE SaTML 2025."
            ),
        ),
        "proxy": (
            (
                "Fits how confident models are that did not train on a record, and borrows how much training would change that "
                "from other records that look alike to such models."
            ),
            (
                "The idea of proxies: Du et al., PMIA, NDSS 2026. Carlini et al., Membership Inference Attacks From First "
                "Principles, IEEE S&P 2022. The choice of proxies is this project's own."
            ),
        ),
        "quantile": (
            (
                "Learns from records that are known to be no members how confident the model is in records of a kind, and asks how "
                "far above that it is. Needs no shadow models."
            ),
            (
                "Bertran, Tang, Roth, Kearns, Morgenstern, Wu. Scalable Membership Inference Attacks via Quantile Regression. "
                "NeurIPS 2023. Romano, Patterson, Candès. Conformalized Quantile Regression. NeurIPS 2019."
            ),
        ),
        "rmia": (
            (
                "Compares the target's confidence in a record with the mean confidence of shadow models; with score "
                "population_share also with the same ratio of population records."
            ),
            "Zarifzadeh, Liu, Shokri. Low-Cost High-Power Membership Inference Attacks. ICML 2024.",
        ),
        "base": (
            "Compares the target's confidence in a record with that of reference models, all softened by halving the logits.",
            "Lassila, Östman, Ngo, Graell i Amat. Practical Bayes-Optimal Membership Inference Attacks. NeurIPS 2025.",
        ),
        "difficulty": (
            "Asks how much smaller the target's loss on a record is than the mean loss of models that never saw it.",
            (
                "Watson, Guo, Cormode, Sablayrolles. On the Importance of Difficulty Calibration in Membership Inference "
                "Attacks. ICLR 2022."
            ),
        ),
        "population": (
            "Asks how few of the records that the target never saw have a loss as small as this one's.",
            (
                "Ye, Maddi, Murakonda, Bindschaedler, Shokri. Enhanced Membership Inference Attacks against Machine Learning "
                "Models. CCS 2022 (attack P)."
            ),
        ),
        "reference": (
            "Asks how few of the models that never saw a record would be as confident in it as the target is.",
            (
                "Ye, Maddi, Murakonda, Bindschaedler, Shokri. Enhanced Membership Inference Attacks against Machine Learning "
                "Models. CCS 2022 (attack R); smoothed by normal curves."
            ),
        ),
        "modified_entropy": (
            (
                "Calls a record a member if the target is sure of the right answer, all classes' probabilities counted; how sure "
                "is enough is learned for each class on shadow models."
            ),
            "Song, Mittal. Systematic Evaluation of Privacy Risks of Machine Learning Models. USENIX Security 2021.",
        ),
        "gap": (
            "Calls a record a member if the model labels it rightly. Sees labels alone; a single point of the curve.",
            (
                "Yeom, Giacomelli, Fredrikson, Jha. Privacy Risk in Machine Learning. CSF 2018; Choquette-Choo, Tramèr, Carlini, "
                "Papernot. Label-Only Membership Inference Attacks. ICML 2021."
            ),
        ),
        "repeated_gap": (
            (
                "Asks for each record 32 times, moved by next to nothing, and counts the right labels, so that noise on outputs averages "
                "out. Sees labels alone."
            ),
            (
                "Asghar, Kaafar. Averaging Attacks on Bounded Noise-based Disclosure Control Algorithms. PETS 2020 (averaging); the "
                "attack: this project."
            ),
        ),
        "augmentation": (
            (
                "Counts how many slightly changed copies of a record (shifted and turned images; tables with some features exchanged) "
                "the model still labels rightly."
            ),
            "Choquette-Choo, Tramèr, Carlini, Papernot. Label-Only Membership Inference Attacks. ICML 2021.",
        ),
        "noise": (
            "Counts how many noisy copies of a record the model still labels rightly; how much noise is chosen on shadow models.",
            "Choquette-Choo, Tramèr, Carlini, Papernot. Label-Only Membership Inference Attacks. ICML 2021.",
        ),
        "boundary": (
            "Measures how far a record lies from the nearest point with another label, by asking for labels alone.",
            (
                "Choquette-Choo et al., ICML 2021; Li, Zhang. Membership Leakage in Label-Only Exposures. CCS 2021. The search: Chen, "
                "Jordan, Wainwright. HopSkipJumpAttack. IEEE S&P 2020."
            ),
        ),
        "dhattack": (
            (
                "Counts the steps along one direction until the label changes, and compares with models that never saw the record."
            ),
            "DHAttack, USENIX Security 2025; the reference models here are the audit's shadow models.",
        ),
        "chameleon": (
            (
                "Adds a few wrongly labelled copies of a record to the training data of a model like the audited one, as many as the record "
                "needs, and asks for the labels of its surroundings. About what an attacker with access to the training data could "
                "find out, not about the audited model itself."
            ),
            "Chaudhari, Severi, Oprea, Ullman. Chameleon: Increasing Label-Only Membership Leakage with Adaptive Poisoning. ICLR 2024.",
        ),
        "pair_wins": (
            (
                "Compares, record by record, pairs of models of which exactly one was trained on it: how often is that one the more "
                "confident?"
            ),
            (
                "Green, Swets. Signal Detection Theory and Psychophysics. 1966 (two-alternative forced choice). False discoveries: "
                "Benjamini, Yekutieli. Annals of Statistics 2001."
            ),
        ),
        "auc_shares": (
            "Measures for each attack how far each record's scores rise when a model was trained on it, and compares attacks.",
            "Placement values: DeLong, DeLong, Clarke-Pearson. Biometrics 1988. Rank correlation: Spearman 1904.",
        ),
        "lt_iqr": (
            (
                "Measures how far a record's loss moved in training, by the interquartile range over the epochs: a ranking of "
                "members for the model's owner, who alone sees these losses."
            ),
            (
                "Pollock, Shilov, Dodd, de Montjoye. Free Record-Level Privacy Risk Evaluation Through Artifact-Based Methods. "
                "arXiv 2411.05743."
            ),
        ),
        "one_run": (
            (
                "Turns right and wrong guesses about many independent fair coins of one training run into a lower bound on "
                "epsilon. How many guesses are made is fixed before the answers are looked at."
            ),
            "Steinke, Nasr, Jagielski. Privacy Auditing with One (1) Training Run. NeurIPS 2023.",
        ),
        "pld": (
            (
                "Computes the guarantee of DP-SGD from its noise, sampling rate and steps with privacy loss distributions: "
                "an upper bound, true if training did what it says."
            ),
            (
                "Koskela, Jälkö, Honkela. Computing Tight Differential Privacy Guarantees Using FFT. AISTATS 2020; "
                "Doroshenko, Ghazi, Kamath, Kumar, Manurangsi. Connect the Dots: Tighter Discrete Approximations of "
                "Privacy Loss Distributions. PoPETs 2022."
            ),
        ),
        "rdp": (
            "Computes an upper bound on the same guarantee from Rényi divergences; looser than privacy loss distributions.",
            "Mironov, Talwar, Zhang. Rényi Differential Privacy of the Sampled Gaussian Mechanism. arXiv 1908.10530.",
        ),
        "gdp_clt": (
            "The Gaussian mechanism that a long run tends to. An approximation, on either side of the truth: no guarantee.",
            "Bu, Dong, Long, Su. Deep Learning with Gaussian Differential Privacy. HDSR 2020.",
        ),
        "last_iterate": (
            (
                "Predicts what an audit that sees only the final model can reach if losses were linear. A prediction, not a "
                "guarantee: there are counterexamples."
            ),
            "Nasr, Steinke, Balle and others. The Last Iterate Advantage. arXiv 2410.06186.",
        ),
        "clopper_pearson": (
            (
                "Turns the two error rates of an attack on independently trained models into a lower bound on epsilon, valid "
                "at every sample size."
            ),
            "Clopper, Pearson. Biometrika 1934; Nasr et al. Adversary Instantiation. IEEE S&P 2021.",
        ),
        "black_box": (
            "Scores a canary by its loss under the final model: the smaller the loss, the more it looks trained on.",
            "Annamalai, De Cristofaro. Nearly Tight Black-Box Auditing of Differentially Private Machine Learning. NeurIPS 2024.",
        ),
        "white_box_final": (
            "Projects the way that the weights have gone on the canary's gradient.",
            "Nasr, Hayes, Steinke and others. Tight Auditing of Differentially Private Machine Learning. USENIX Security 2023.",
        ),
        "white_box_trajectory": (
            (
                "Projects every step's noisy sum on the canary's gradient, the known sum of the other records subtracted, and "
                "adds up the steps; with subsampling, their log likelihood ratios."
            ),
            "Nasr, Hayes, Steinke and others. Tight Auditing of Differentially Private Machine Learning. USENIX Security 2023.",
        ),
        "gaussian_dp": (
            (
                "Turns error rates into a lower bound on mu of a Gaussian mechanism, and that into epsilon. It speaks about "
                "mechanisms of that family only."
            ),
            "Nasr et al., USENIX Security 2023; Dong, Roth, Su. Gaussian Differential Privacy. JRSS B 2022.",
        ),
        "fdp_one_run": (
            (
                "Turns guesses of one training run into a lower bound on mu of a Gaussian mechanism. It speaks about mechanisms "
                "of that family only."
            ),
            "Mahloujifar, Melis, Chaudhuri. Auditing f-Differential Privacy in One Run. ICML 2025.",
        ),
        "posterior": (
            "The posterior of the epsilon that this attack shows, from a Jeffreys prior on its error rates: a credible bound.",
            "Zanella-Béguelin and others. Bayesian Estimation of Differential Privacy. ICML 2023.",
        ),
        "betting": (
            (
                "Bets against the claim after every pair of runs. The bound holds at every moment at once, so a game may be "
                "stopped whenever it is decided."
            ),
            "Ville 1939; Gonzalez, Dulce-Rubio, Ramdas, Ribero. arXiv 2509.07055.",
        ),
        "known_coin_step": (
            (
                "Audits single steps with the sampling coins known to the auditor, and composes their noise by the accountant. "
                "The sample rate is assumed."
            ),
            "Nasr et al., USENIX Security 2023.",
        ),
        "noise_probe": (
            (
                "Tests whether the noise on coordinates that nothing else moves is as large as claimed: over all steps, in the "
                "worst step, and between steps. Composed into an epsilon, which assumes the sample rate and the clip."
            ),
            "The chi-square test of a variance.",
        ),
        "sampling_probe": (
            (
                "Tests whether batches are as large, and as uneven, as Poisson samples of the claimed rate are: their total against "
                "a binomial law, and how often one size comes up."
            ),
            "Abadi et al. Deep Learning with Differential Privacy. CCS 2016 (sampling).",
        ),
        "sensitivity_probe": (
            "Takes one step without noise, with and without a canary, and measures how far it moves in units of the clip.",
            "After Nasr et al., USENIX Security 2023 (gradient canaries).",
        ),
    }
)


def method_notes(report: AuditReport) -> tuple[tuple[str, str, str], ...]:
    """Return name, explanation and source of each known method that the report uses.

    Args:
        report: the report.

    Returns:
        In the order of first use.
    """
    used: list[str] = []
    for section in report.sections:
        for finding in section.findings:
            used += [_named(finding), *(estimate.method for estimate in finding.estimates)]
    known = [name for name in dict.fromkeys(used) if name in METHODS]
    return tuple((DEFENSE_NAMES.get(name) or attack_text(name), *METHODS[name]) for name in known)


def _named(finding: Finding) -> str:
    """The method; of an arm of a comparison its defense."""
    return str(finding.params.get("name", "")) if finding.method == ARM else finding.method
