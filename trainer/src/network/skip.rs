//! A linear skip in the textbook layout: what the forecast gets beside the network's own output.

use serde::{Deserialize, Serialize};

/// `y += B (A x) + c`, x the whole normalized window. Frozen while the network is trained on what it leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainSkip {
    /// P: values of a window, samples times columns, sample-major.
    pub inputs: usize,
    /// R: products that are taken of the window; 0 where the skip is a constant.
    pub rank: usize,
    /// O
    pub outputs: usize,
    /// A, `[R][P]`
    pub products: Vec<f64>,
    /// B, `[O][R]`
    pub spread: Vec<f64>,
    /// c, `[O]`
    pub bias: Vec<f64>,
}

impl PlainSkip {
    /// What it adds to the forecast of a window: `[O]` of `[P]`.
    pub fn forecast(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.inputs, "the whole window");
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let z: Vec<f64> = self.products.chunks_exact(self.inputs).map(|row| dot(row, x)).collect();
        let spread = |(o, c): (usize, &f64)| dot(&self.spread[o * self.rank..][..self.rank], &z) + c;
        self.bias.iter().enumerate().map(spread).collect()
    }

    /// The same with each output `times` times, one beside the other: what it says is said of every quantile.
    pub fn repeated(&self, times: usize) -> Self {
        let rows = (0..self.outputs).flat_map(|o| std::iter::repeat_n(&self.spread[o * self.rank..][..self.rank], times));
        PlainSkip {
            outputs: self.outputs * times,
            products: self.products.clone(),
            spread: rows.flatten().copied().collect(),
            bias: self.bias.iter().flat_map(|bias| std::iter::repeat_n(*bias, times)).collect(),
            ..*self
        }
    }

    /// Whether all sizes fit each other and all values are finite.
    pub fn is_sound(&self) -> bool {
        let PlainSkip { inputs, rank, outputs, products, spread, bias } = self;
        let lengths = (rank.checked_mul(*inputs), outputs.checked_mul(*rank), Some(*outputs));
        *inputs > 0
            && lengths == (Some(products.len()), Some(spread.len()), Some(bias.len()))
            && products.iter().chain(spread).chain(bias).all(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::PlainSkip;

    #[test]
    fn products_are_spread_over_the_outputs() {
        let skip = PlainSkip {
            inputs: 3,
            rank: 2,
            outputs: 2,
            products: vec![1.0, 0.0, -1.0, 0.5, 0.5, 0.5],
            spread: vec![1.0, 2.0, 0.0, -4.0],
            bias: vec![10.0, 20.0],
        };
        assert!(skip.is_sound());
        assert_eq!(skip.forecast(&[3.0, 2.0, 1.0]), [2.0 + 2.0 * 3.0 + 10.0, -4.0 * 3.0 + 20.0]);
        let constant = PlainSkip { rank: 0, products: vec![], spread: vec![], ..skip.clone() };
        assert!(constant.is_sound());
        assert_eq!(constant.forecast(&[3.0, 2.0, 1.0]), [10.0, 20.0]);
        let twice = skip.repeated(2);
        assert!(twice.is_sound());
        let [a, b] = <[f64; 2]>::try_from(skip.forecast(&[3.0, 2.0, 1.0])).unwrap();
        assert_eq!(twice.forecast(&[3.0, 2.0, 1.0]), [a, a, b, b]);
        assert!(!PlainSkip { rank: 1, ..skip.clone() }.is_sound());
        assert!(!PlainSkip { bias: vec![f64::NAN, 0.0], ..skip }.is_sound());
    }
}
