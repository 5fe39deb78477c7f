//! Proof of where a plan ran: a number that passes through the `nonce` of every object.
//!
//! Each object answers its question exclusive-or a key of its own, and the next question is made of the answer. Who
//! has the keys can tell the last answer from the first question; the plans do not have them.

/// The number on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(u64);

impl Chain {
    /// Begins with `nonce`.
    #[must_use]
    pub const fn new(nonce: u64) -> Self {
        Self(nonce)
    }

    /// What the next object is asked.
    #[must_use]
    pub const fn question(&self) -> u64 {
        self.0.rotate_left(1)
    }

    /// What it answered.
    pub const fn answer(&mut self, answer: u64) {
        self.0 = answer;
    }

    /// Where it stands.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_and_their_order_decide_the_end() {
        let end = |keys: &[u64]| {
            let mut chain = Chain::new(7);
            for key in keys {
                chain.answer(chain.question() ^ key);
            }
            chain.value()
        };
        assert_ne!(end(&[1, 2, 3]), end(&[2, 1, 3]));
        assert_ne!(end(&[1, 2, 3]), end(&[1, 2, 4]));
        assert_ne!(end(&[1, 2, 3]), end(&[1, 2]));
    }
}
