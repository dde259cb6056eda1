//! `/api/v1`: for programs, with a bearer's token. JSON in, JSON out; errors are RFC 9457.

mod config;
mod devices;

use super::routes::Route;

/// The routes of this folder.
pub fn routes() -> Vec<Route> {
    [config::routes(), devices::routes()].into_iter().flatten().collect()
}
