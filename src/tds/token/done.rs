//! DONE, DONEPROC, DONEINPROC (MS-TDS 2.2.7.6 to 2.2.7.8): the end of a statement or procedure.

use super::kind;
use crate::tds::{
    DecodeError, TdsVersion,
    cursor::{Put as _, Reader},
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoneKind {
    /// A statement of a batch.
    Done,
    /// A procedure.
    Proc,
    /// A statement within a procedure.
    InProc,
}

/// The status bits of a DONE.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct DoneStatus(pub u16);

impl DoneStatus {
    /// The last of its message.
    pub const FINAL: Self = Self(0x0000);
    /// More results follow.
    pub const MORE: Self = Self(0x0001);
    /// The statement failed.
    pub const ERROR: Self = Self(0x0002);
    /// A transaction is open.
    pub const IN_TRANSACTION: Self = Self(0x0004);
    /// The row count counts.
    pub const COUNT: Self = Self(0x0010);
    /// An Attention is answered with this.
    pub const ATTENTION: Self = Self(0x0020);
    /// Another call of the same RPC message follows (MS-TDS 2.2.7.8); it ends neither the message nor its results.
    pub const RPC_IN_BATCH: Self = Self(0x0080);
    /// The statement failed so that its rows must be thrown away.
    pub const SERVER_ERROR: Self = Self(0x0100);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for DoneStatus {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Debug for DoneStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// The end of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Of what.
    pub kind: DoneKind,
    /// How it ended.
    pub status: DoneStatus,
    /// The kind of statement.
    pub command: u16,
    /// The rows it touched, if [`DoneStatus::COUNT`] says so. Before TDS 7.2 the wire counts to 2^32 - 1 only.
    pub rows: u64,
}

impl Done {
    /// A statement of a batch ended.
    pub fn new(status: DoneStatus, command: u16, rows: u64) -> Self {
        Self { kind: DoneKind::Done, status, command, rows }
    }

    pub(super) fn decode(kind: DoneKind, reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, DecodeError> {
        Ok(Self {
            kind,
            status: DoneStatus(reader.u16()?),
            command: reader.u16()?,
            rows: if version.done_row_count_width() == 8 { reader.u64()? } else { reader.u32()?.into() },
        })
    }

    pub(super) fn encode(&self, version: TdsVersion, out: &mut Vec<u8>) {
        out.put_u8(match self.kind {
            DoneKind::Done => kind::DONE,
            DoneKind::Proc => kind::DONE_PROC,
            DoneKind::InProc => kind::DONE_IN_PROC,
        });
        out.put_u16(self.status.0);
        out.put_u16(self.command);
        if version.done_row_count_width() == 8 {
            out.put_u64(self.rows);
        } else {
            out.put_u32(u32::try_from(self.rows).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn any_done() -> impl Strategy<Value = Done> {
        let kinds = prop::sample::select(vec![DoneKind::Done, DoneKind::Proc, DoneKind::InProc]);
        (kinds, any::<u16>(), any::<u16>(), any::<u64>()).prop_map(|(kind, status, command, rows)| Done {
            kind,
            status: DoneStatus(status),
            command,
            rows,
        })
    }

    #[test]
    fn the_row_count_is_wider_since_sql_server_2005() {
        let done = Done::new(DoneStatus::COUNT, 0xC1, 7);
        let (mut old, mut new) = (Vec::new(), Vec::new());
        done.encode(TdsVersion::V7_1, &mut old);
        done.encode(TdsVersion::V7_4, &mut new);
        assert_eq!((old.len(), new.len()), (9, 13));
    }
}
