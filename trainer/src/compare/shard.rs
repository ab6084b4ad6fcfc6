//! Part of a comparison: run `k` belongs to shard `k mod n`, whatever has been done before, so that two shards never do the same run.

use std::str::FromStr;

/// Shard `index` of `count`, from 1 as it is written: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// All runs.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// Whether the run with this place in the plan belongs to the shard.
    pub fn has(&self, run: usize) -> bool {
        run % self.count == self.index - 1
    }

    /// Whether this is all of it.
    pub fn is_whole(&self) -> bool {
        self.count == 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            _ => Err("write i/n with i from 1 to n, as in 1/4".into()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_belongs_to_exactly_one_shard_and_shards_are_balanced() {
        for count in 1..=9usize {
            let shards: Vec<Shard> = (1..=count).map(|index| format!("{index}/{count}").parse().unwrap()).collect();
            let mut sizes = vec![0; count];
            for run in 0..50 {
                let owners: Vec<usize> = (0..count).filter(|&k| shards[k].has(run)).collect();
                assert_eq!(owners.len(), 1, "run {run} of {count} shards");
                sizes[owners[0]] += 1;
            }
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
        assert!((0..50).all(|run| Shard::WHOLE.has(run)) && Shard::WHOLE.is_whole());
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["", "0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
    }
}
