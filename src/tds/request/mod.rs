//! Requests of clients, read for who wants to know what was asked: batches, procedure calls, transactions.
//!
//! A bulk load is a message of rows: [`data::Rows`](super::data::Rows) walks over it. Memory: what is decoded takes at most
//! 256 bytes for each byte of the message.

mod batch;
mod rpc;
mod transaction;

pub use batch::SqlBatch;
pub use rpc::{Call, Parameter, ParameterStatus, ProcId, Procedure, Rpc};
pub use transaction::{Next, TransactionAction, TransactionRequest};

use super::{AllHeaders, DecodeError, TdsVersion, cursor::Reader};

/// The headers, where the version has them.
fn headers(reader: &mut Reader<'_>, version: TdsVersion) -> Result<AllHeaders, DecodeError> {
    if version.has_all_headers() { AllHeaders::decode(reader) } else { Ok(AllHeaders::default()) }
}

fn put_headers(headers: &AllHeaders, version: TdsVersion, out: &mut Vec<u8>) {
    if version.has_all_headers() {
        headers.encode(out);
    }
}
