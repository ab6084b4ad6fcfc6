//! Random numbers that are cheap on every core.

/// Xorshift (Marsaglia 2003), 32 bits.
#[derive(Clone, Debug)]
pub struct Random(u32);

impl Random {
    /// The generator's state may not be zero.
    pub fn new(seed: u32) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9) | 1)
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Uniform in `0..bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        // The high half of the product: its low bits are the generator's weaker ones.
        ((u64::from(self.bits()) * u64::from(bound)) >> 32) as u32
    }

    /// Uniform in [-limit, limit]. `limit`: below 2^31.
    pub fn within(&mut self, limit: i32) -> i32 {
        (self.below(2 * limit as u32 + 1) as i32).wrapping_sub(limit)
    }

    /// A magnitude of up to `bits` bits and sign, small ones as likely as large ones. `bits`: 1 to 31.
    pub fn magnitude(&mut self, bits: u32) -> i32 {
        let bits = 1 + self.below(bits);
        self.within(((1u32 << bits) - 1) as i32)
    }

    /// Uniform in [-1, 1).
    pub fn signed(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}
