//! The variants that are compared, each with its settings as a user would write them under `[regularization]`.
//!
//! The rates are those that worked on several real series with networks of this size, or their papers' where there were none; they are
//! a fair first guess for each, not the best for any. Those of `activation`, `norm-stabilizer`, `group-lasso`, `max-norm` and `swa`, for which
//! neither was at hand, were chosen on validation errors alone (`rnn compare --validation-only --rates NAME,...` on the two shipped
//! regimes): of a first guess times 0.1, 0.3, 1, 3 and 10 the one with the lowest geometric mean of the final validation error over none's;
//! where it stood at the grid's end, again around that end. These regimes over-fit, and their rates are strong. A regularizer that looks
//! useless here may want another rate.

use crate::config::Fold;

/// One way to regularize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What it is called on the command line and in every table.
    pub name: &'static str,
    /// The content of `[regularization]`.
    pub settings: &'static str,
    /// What it does, and why this rate.
    pub reason: &'static str,
    /// `[export] fold`.
    pub fold: Fold,
}

const fn variant(name: &'static str, settings: &'static str, reason: &'static str) -> Variant {
    Variant { name, settings, reason, fold: Fold::Exact }
}

/// The variant that all others are compared with.
pub const NONE: &str = "none";

/// The name of the variant that the configuration itself describes.
pub const CONFIGURATION: &str = "configuration";

/// All of them, in the order of the tables; the configuration's own comes after them.
pub const VARIANTS: &[Variant] = &[
    variant(NONE, "", "no regularization: what the others are compared with"),
    variant(
        "input-dropout",
        "dropout = { input = 0.1 }",
        "dropout on the input, fresh at every step (Zaremba et al. 2014); low, because a short series has few inputs to spare",
    ),
    variant(
        "input-dropout-sequence",
        "dropout = { input = 0.1, mask = \"sequence\" }",
        "the same with one mask a sequence (Gal & Ghahramani 2016)",
    ),
    variant(
        "between-dropout",
        "dropout = { between = 0.3 }",
        "dropout between the LSTM layers (Zaremba et al. 2014); needs two of them",
    ),
    variant(
        "output-dropout",
        "dropout = { output = 0.3 }",
        "dropout on the last hidden state before the head (Zaremba et al. 2014)",
    ),
    variant(
        "recurrent-dropout",
        "recurrent = { drop = 0.3 }",
        "one mask a sequence on h before U, shared by the gates (Gal & Ghahramani 2016)",
    ),
    variant(
        "recurrent-dropout-gates",
        "recurrent = { drop = 0.3, gates = \"separate\" }",
        "the same with a mask of its own for each gate",
    ),
    variant(
        "candidate-dropout",
        "candidate = { drop = 0.3 }",
        "dropout on what is added to the cell, fresh at every step (Semeniuta et al. 2016)",
    ),
    variant("candidate-dropout-sequence", "candidate = { drop = 0.3, mask = \"sequence\" }", "the same with one mask a sequence"),
    variant(
        "cell-dropout",
        "cell = { drop = 0.2 }",
        "RNNDrop: one mask a sequence on the cell itself (Moon et al. 2015); low, because at test time it shortens the memory",
    ),
    variant(
        "weight-drop",
        "weight_drop = { drop = 0.3 }",
        "DropConnect on U, one mask a batch (Merity et al. 2018); they used 0.5 on far larger networks",
    ),
    variant(
        "cell-zoneout",
        "zoneout = { cell = 0.5 }",
        "units keep their cell state at random (Krueger et al. 2017, at their rate)",
    ),
    variant(
        "hidden-zoneout",
        "zoneout = { hidden = 0.1 }",
        "units keep their hidden state at random; Krueger et al. found low rates best here",
    ),
    variant("input-noise", "noise = { input = 0.2 }", "Gaussian noise on the normalized input: a fifth of the series' deviation"),
    variant("weight-noise", "noise = { weights = 0.075 }", "Gaussian noise on W and U (Graves 2013, at his deviation)"),
    variant(
        "activation",
        "activation = { ar = 300.0, tar = 300.0 }",
        "penalties on the size of h and on its steps (Merity et al. 2017, who used 2 and 1 on networks that hardly over-fit)",
    ),
    variant(
        "norm-stabilizer",
        "activation = { norm = 3000.0 }",
        "a penalty on changes of h's length alone (Krueger & Memisevic 2016)",
    ),
    variant("l1", "l1 = 1e-4", "a penalty on the absolute size of weights"),
    variant("l2", "l2 = 1e-3", "a penalty on the squared size of weights, which Adam's step sizes distort"),
    variant(
        "decay",
        "decay = 0.3",
        "decoupled weight decay (Loshchilov & Hutter 2019), for a few hundred to a few thousand steps",
    ),
    variant(
        "group-lasso",
        "group_lasso = { strength = 9e-3 }",
        "removes whole hidden units (Wen et al. 2018); three times as strong, it removed all of them",
    ),
    variant(
        "layer-norm-a",
        "layer_norm = { form = \"a\" }",
        "layer norm on W x, on U h and on the cell that h reads (Ba et al. 2016)",
    ),
    variant("layer-norm-b", "layer_norm = { form = \"b\" }", "the same, with the normalized cell stored"),
    variant("layer-norm-joint", "layer_norm = { form = \"joint\" }", "one layer norm on the sum W x + U h, none on the cell"),
    Variant {
        name: "layer-norm-joint-static",
        settings: "layer_norm = { form = \"joint\" } # with [export] fold = \"static\"",
        reason: "the joint form, folded statically: constants in its place, trained on for ten epochs, and a plain LSTM on the device",
        fold: Fold::Static,
    },
    variant(
        "layer-norm-head",
        "layer_norm = { head = true }",
        "layer norm of the last hidden state, before the head; none in the cell, and one number a forecast on the device",
    ),
    variant(
        "layer-norm-joint-head",
        "layer_norm = { form = \"joint\", head = true }",
        "the joint form and the norm before the head together",
    ),
    variant(
        "max-norm",
        "max_norm = 0.03",
        "a bound on the length of each unit's incoming weights (Srebro & Shraibman 2005, Hinton et al. 2012), tight for few data",
    ),
    variant("weight-average", "average = 0.99", "an exponential moving average of the weights over the last hundred steps"),
    variant(
        "swa",
        "swa = { from = 0.0075 }",
        "the mean of the weights after every epoch, at a constant learning rate (Izmailov et al. 2018, who begin at 0.75: too late \
         for a network that has over-fitted by then)",
    ),
    variant(
        "amplitude",
        "amplitude = 0.3",
        "augmentation: each window is scaled by a random factor; needs windows whose last value was subtracted",
    ),
    variant(
        "combination",
        "dropout = { output = 0.3 }\nrecurrent = { drop = 0.3 }\nzoneout = { cell = 0.5 }\ndecay = 0.1",
        "cell zoneout, output dropout, recurrent dropout and decay together",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regularize::settings::Regularization;

    #[test]
    fn every_variant_is_a_table_of_the_configuration_and_no_two_are_the_same() {
        let mut seen: Vec<(&str, (Regularization, Fold))> = Vec::new();
        for variant in VARIANTS {
            let regularization: Regularization = toml::from_str(variant.settings).expect(variant.name);
            let settings = (regularization, variant.fold);
            assert!(seen.iter().all(|(name, other)| *name != variant.name && *other != settings), "{} twice", variant.name);
            seen.push((variant.name, settings));
        }
        assert_eq!(seen[0], (NONE, (Regularization::default(), Fold::Exact)));
        assert!(VARIANTS.iter().all(|variant| variant.name != CONFIGURATION));
    }
}
