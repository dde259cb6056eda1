//! What can be wrong with bytes that were read, and with fields that were to be written.

/// Why bytes were not understood.
///
/// The fault is the sender's: [`Side::Workstation`](crate::domain::Side) for what a client sent, `Side::SqlServer` for
/// what a server sent. Only the caller knows which end it was reading from. No variant carries what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the structure does. In a stream: read on and decode again. In a whole message: the sender's fault.
    #[error("the message ends before it is complete")]
    Incomplete,
    /// The sender's: the bytes contradict themselves or the protocol, in the part named.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The sender's: more than the reader is ready to hold.
    #[error("the message is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The most that would have been accepted.
        limit: usize,
    },
    /// The sender's: well-formed as far as one can tell, but a part of the protocol that is not spoken here.
    #[error("unsupported {0}")]
    Unsupported(&'static str),
}

/// Why a structure could not be written. `Side::Appliance`: the caller filled in something that the wire has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The named field is longer than its length on the wire can say.
    #[error("{0} is too long for the wire")]
    TooLong(&'static str),
    /// The value does not belong to the type that it was to be written as.
    #[error("{0} cannot hold this value")]
    WrongType(&'static str),
}
