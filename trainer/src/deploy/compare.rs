//! The board's forecasts against the host's, bit for bit.

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Forecasts of the side that made more; one that the other side lacks is not identical.
    pub compared: usize,
    /// Forecasts of which every value has the same bits on both sides.
    pub identical: usize,
    /// Where they differ first.
    pub first_difference: Option<Difference>,
}

impl Comparison {
    /// Whether there was something to compare and all of it agrees.
    pub fn agrees(&self) -> bool {
        self.compared > 0 && self.identical == self.compared
    }
}

/// One value with different bits; `None` stands for a side that has no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which forecast, from 0.
    pub forecast: usize,
    /// Which of its values, from 0: target after target, the horizon running fastest.
    pub value: usize,
    /// The host's bits.
    pub host: Option<u32>,
    /// The board's bits.
    pub board: Option<u32>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |bits: Option<u32>| bits.map_or("nothing".into(), |bits| format!("{} ({bits:#010x})", f32::from_bits(bits)));
        write!(f, "value {} of forecast {}: host {}, board {}", self.value, self.forecast, show(self.host), show(self.board))
    }
}

/// Compares forecast by forecast, in order.
pub fn compare(host: &[Vec<f32>], board: &[Vec<u32>]) -> Comparison {
    let compared = host.len().max(board.len());
    let mut identical = 0;
    let mut first_difference = None;
    for forecast in 0..compared {
        match difference(forecast, host.get(forecast), board.get(forecast)) {
            None => identical += 1,
            Some(difference) => first_difference = first_difference.or(Some(difference)),
        }
    }
    Comparison { compared, identical, first_difference }
}

fn difference(forecast: usize, host: Option<&Vec<f32>>, board: Option<&Vec<u32>>) -> Option<Difference> {
    let values = host.map_or(0, Vec::len).max(board.map_or(0, Vec::len));
    // A forecast that only one side has differs even if it is empty.
    let lacking = (host.is_some() != board.is_some()).then_some(Difference { forecast, value: 0, host: None, board: None });
    (0..values)
        .map(|value| Difference {
            forecast,
            value,
            host: host.and_then(|values| values.get(value)).map(|value| value.to_bits()),
            board: board.and_then(|values| values.get(value)).copied(),
        })
        .find(|difference| difference.host != difference.board)
        .or(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn equal_bits_agree_even_where_values_do_not_compare() {
        let host = vec![vec![1.5, f32::NAN], vec![-0.0, 3.0]];
        let board: Vec<_> = host.iter().map(|forecast| bits(forecast)).collect();
        let comparison = compare(&host, &board);
        assert_eq!(comparison, Comparison { compared: 2, identical: 2, first_difference: None });
        assert!(comparison.agrees());
    }

    #[test]
    fn one_bit_is_a_difference_and_so_is_the_sign_of_zero() {
        let host = vec![vec![1.0], vec![2.0, 0.0], vec![3.0]];
        let board = vec![bits(&[1.0]), bits(&[2.0, -0.0]), vec![3.0f32.to_bits() ^ 1]];
        let comparison = compare(&host, &board);
        assert_eq!((comparison.compared, comparison.identical), (3, 1));
        let expected = Difference { forecast: 1, value: 1, host: Some(0), board: Some(0x8000_0000) };
        assert_eq!(comparison.first_difference, Some(expected));
        assert_eq!(expected.to_string(), "value 1 of forecast 1: host 0 (0x00000000), board -0 (0x80000000)");
    }

    #[test]
    fn what_one_side_lacks_is_a_difference() {
        for (host, board, forecast, value) in [
            (vec![vec![1.0], vec![2.0]], vec![bits(&[1.0])], 1, 0),
            (vec![vec![1.0]], vec![bits(&[1.0]), bits(&[2.0])], 1, 0),
            (vec![vec![1.0, 2.0]], vec![bits(&[1.0])], 0, 1),
            (vec![vec![]], vec![], 0, 0),
        ] {
            let comparison = compare(&host, &board);
            let difference = comparison.first_difference.unwrap();
            assert_eq!((difference.forecast, difference.value), (forecast, value));
            assert!(!comparison.agrees());
        }
    }

    #[test]
    fn nothing_compared_is_no_agreement() {
        assert!(!compare(&[], &[]).agrees());
    }
}
