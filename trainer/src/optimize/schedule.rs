//! The learning rate over a training: linear warm-up, then half a cosine to zero (Loshchilov & Hutter, arXiv 1608.03983, eq. 5,
//! without restarts), counted in optimizer steps.

/// The rate of a step, counted from 0, of a training of `total` steps.
pub fn learning_rate(peak: f64, warmup: u64, total: u64, step: u64) -> f64 {
    if step < warmup {
        return peak * (step + 1) as f64 / warmup as f64;
    }
    let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
    peak * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_to_the_peak_and_falls_to_zero() {
        let rates: Vec<f64> = (0..100).map(|step| learning_rate(0.2, 10, 100, step)).collect();
        assert_eq!((rates[0], rates[4], rates[9], rates[10]), (0.02, 0.1, 0.2, 0.2));
        assert!((rates[55] - 0.1).abs() < 1e-15);
        assert!(rates[..10].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[10..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(rates[99] > 0.0 && rates[99] < 1e-4);
        assert_eq!(learning_rate(0.2, 10, 100, 100), 0.0);
    }

    #[test]
    fn short_trainings_are_all_warm_up_and_no_warm_up_starts_at_the_peak() {
        assert_eq!(learning_rate(1.0, 10, 5, 4), 0.5);
        assert_eq!(learning_rate(1.0, 0, 5, 0), 1.0);
        assert!(learning_rate(1.0, 0, 0, 0).is_finite());
    }
}
