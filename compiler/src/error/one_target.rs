//! What is wrong for one of several targets, and what may be done without it.

use super::CompileError;
use crate::Target;

impl CompileError {
    /// Whether it may be one target's own, so that there may be code for another. A bug of this compiler never is:
    /// it is to be reported, not to be gone around.
    pub(crate) const fn is_of_one_target(&self) -> bool {
        matches!(
            self,
            Self::FrameTooLarge { .. } | Self::FunctionTooLarge { .. } | Self::Limit { .. } | Self::LandingPad { .. }
        )
    }

    /// The same, said of `target`; there is an object for those of `fits`.
    pub(crate) fn of_target(self, target: Target, fits: &[Target]) -> Self {
        let fits = fits.iter().map(|target| target.name()).collect();
        Self::Target { target: target.name(), cause: Box::new(self), fits }
    }
}

/// How to build for the targets that `fits` names alone, with its lead-in.
pub fn elsewhere(fits: &[&str]) -> String {
    if fits.is_empty() {
        return "; nor does it build for the others that were asked for".to_owned();
    }
    let options: Vec<String> = fits.iter().map(|name| format!("--target {name}")).collect();
    format!("; it builds with `{}` alone", options.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_never_taken_for_what_one_target_has_no_room_for() {
        assert!(!CompileError::internal("layout", "no code").is_of_one_target());
        assert!(!CompileError::Audit("a finding".to_owned()).is_of_one_target());
        assert!(CompileError::check_limit("bytes of code", 2, 1).is_err_and(|e| e.is_of_one_target()));
    }
}
