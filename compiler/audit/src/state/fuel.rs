//! What is known of the fuel.
//!
//! The fuel is a number of its own that no place need hold: what memory held at the function's start or behind the last
//! call, less all that was paid since. Values are known by what they are less than it ([`Kind::Fuel`]), and memory's
//! field of it is one more place that holds some value.
//!
//! ```text
//!                       memory       x1          x2          the fuel
//!   ldr x1, fuel        fuel         fuel                    100
//!   sub x2, x1, #3      fuel         fuel        fuel - 3    100
//!   x2 is not negative  fuel + 3     fuel + 3    fuel        97
//!   str x2, fuel        fuel         fuel + 3    fuel        97
//! ```
//! It is never negative, and far from the largest number: not where a function starts, since it is what the loader or
//! the caller had, and not behind a payment, which compares it.

use super::State;
use crate::value::{Charge, Fact, Id, Kind};

impl State {
    /// Memory holds the fuel, of which nothing is known.
    pub fn stored_by_others(&mut self) {
        self.fuel_becomes(|_| None);
        self.fuel = self.new_value(Fact::new(Kind::Fuel(Charge::default())));
    }

    /// The fuel is another number: what each value less than it is less than that.
    fn fuel_becomes(&mut self, less: impl Fn(Charge) -> Option<Charge>) {
        for fact in &mut self.facts {
            if let Kind::Fuel(charge) = fact.kind {
                match less(charge) {
                    Some(charge) => fact.kind = Kind::Fuel(charge),
                    None => *fact = Fact::ANY,
                }
            }
        }
    }

    /// Value `of` was found not below `least`: that pays what it is less than the fuel, and `least`, if that is more
    /// than nothing. How many units.
    ///
    /// From then on the fuel is that value less `least`. It was not negative before, nor is it now, so that no number
    /// here wraps.
    pub fn pay(&mut self, of: Id, least: i64) -> u32 {
        let Kind::Fuel(Charge { units, of: length }) = self.fact(of).kind else { return 0 };
        let sum = units.checked_add(least).and_then(|n| u32::try_from(n).ok());
        let Some(paid) = sum.filter(|n| *n > 0 || length.is_some()) else { return 0 };
        self.fuel_becomes(|c| length.is_none().then(|| Charge { units: c.units - i64::from(paid), ..c }));
        self.fact_mut(of).kind = Kind::Fuel(Charge { units: -least, of: None });
        self.charge = Charge { units: paid.into(), of: length };
        self.paid |= paid > 0;
        paid
    }

    /// Number of the value that memory holds where the fuel belongs.
    pub fn fuel(&self) -> Id {
        self.fuel
    }

    /// Memory gets that value.
    pub fn store_fuel(&mut self, id: Id) {
        self.fuel = id;
    }

    /// Whether memory holds the fuel, neither more nor less.
    pub fn fuel_is_stored(&self) -> bool {
        self.fact(self.fuel).kind == Kind::Fuel(Charge::default())
    }

    /// Whether memory holds the fuel less a charge that is not paid.
    pub fn owes(&self) -> bool {
        let kind = self.fact(self.fuel).kind;
        matches!(kind, Kind::Fuel(Charge { units, of }) if units > 0 || of.is_some())
    }
}
