//! A sign-in between two of its stages: in memory, for minutes.

use std::time::Duration;

use crate::domain::AccountId;
use crate::identity::factors::TotpSecret;

/// What the first stage found out. It opens nothing but the second.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Pending {
    /// Whose password it was.
    pub(in crate::identity) account: AccountId,
    /// The account's generation then.
    pub(in crate::identity) generation: u64,
    /// The secret of the app that has to be set up, where the account must have a factor and has none.
    pub(in crate::identity) new: Option<TotpSecret>,
}

/// How long a person may take from one stage to the next; some set up an app on the way.
pub(super) const LIFETIME: Duration = Duration::from_secs(10 * 60);
