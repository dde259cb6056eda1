//! Requests carried out, statement by statement.

use std::sync::Arc;

use super::engine::error::SqlError;
use super::reply::Reply;
use super::session::Connected;
use crate::tds::packet::Message;

/// The session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// Carries out the requests of one session.
pub struct Batch {
    /// What it shares with the other sessions of its connection.
    pub connected: Arc<Connected>,
}

impl Batch {
    /// Of a session that has just begun.
    pub fn new(connected: Arc<Connected>) -> Self {
        Self { connected }
    }

    /// Carries out one request; `Err` ends the session.
    pub async fn run(&mut self, message: Message, reply: &mut Reply) -> Result<(), Stop> {
        reply.message(&SqlError::unsupported(format!("A request of type {:?}", message.kind)));
        reply.end(0, None, true);
        Ok(())
    }
}
