//! What is not as it should be: rooms put problems on one board; health answers, metrics and the dashboard show them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The board. Clones are the same board.
#[derive(Debug, Clone, Default)]
pub struct Health {
    problems: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Health {
    /// A board with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// There is a problem with `what` (`listen.https [::]:443`, `tls.acme`): one line that says what happened, whose side it is
    /// on and what to do. It replaces what was said of `what` before. True if it says something new.
    pub fn problem(&self, what: &str, text: impl Into<String>) -> bool {
        let text = text.into();
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let news = problems.get(what) != Some(&text);
        problems.insert(what.to_owned(), text);
        news
    }

    /// `what` is well again. True if it was not.
    pub fn well(&self, what: &str) -> bool {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).remove(what).is_some()
    }

    /// All of them: what, and the line.
    pub fn problems(&self) -> Vec<(String, String)> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().map(|(what, text)| (what.clone(), text.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_said_once_and_gone_when_it_is_well() {
        let health = Health::new();
        assert!(health.problem("tls.acme", "no answer"));
        assert!(!health.problem("tls.acme", "no answer"));
        assert!(health.problem("tls.acme", "refused"));
        assert_eq!(health.clone().problems(), [("tls.acme".to_owned(), "refused".to_owned())]);
        assert!(health.well("tls.acme") && !health.well("tls.acme"));
        assert!(health.problems().is_empty());
    }
}
