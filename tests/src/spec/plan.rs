//! What engines carry out: for each case what to call on which object, and what must come; with the objects.

use serde::{Deserialize, Serialize};

use super::{tally::Status, values::Pattern};

/// What a call must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// Come back.
    Return,
    /// Come back with these results.
    Results(Vec<Pattern>),
    /// Trap with this text of the suite's.
    Trap(String),
    /// Use up the stack.
    Exhaustion,
}

/// What to do for a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Nothing: this is what came of it.
    Decided(Status),
    /// Instantiates an object.
    Start {
        /// Number of the object in the plan.
        object: usize,
    },
    /// Calls an export of an object, which is instantiated if it is not yet.
    Call {
        /// Number of the object in the plan.
        object: usize,
        /// Name of the export.
        export: String,
        /// Arguments, a slot each.
        args: Vec<u64>,
        /// What it must do.
        expect: Expect,
    },
}

impl Step {
    /// The object that it needs.
    #[must_use]
    pub const fn object(&self) -> Option<usize> {
        match self {
            Self::Decided(_) => None,
            Self::Start { object } | Self::Call { object, .. } => Some(*object),
        }
    }
}

/// A case with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Line of the script.
    pub line: usize,
    /// Name of the directive.
    pub kind: String,
    /// What to do.
    pub step: Step,
}

/// An object of a plan.
#[derive(Clone, Debug)]
pub struct Object {
    /// The unsigned object.
    pub bytes: Vec<u8>,
    /// Constant of its `nonce`.
    pub key: u64,
}

/// A script's plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The cases; those of `register` are none.
    pub cases: Vec<Planned>,
    /// The objects by number.
    pub objects: Vec<Object>,
}
