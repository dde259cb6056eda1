//! `USE alias`: the one statement that is changed on its way.
//!
//! A workstation knows its database by the alias. Some drivers say `USE` with it right after the login (pymssql always,
//! python-tds when the server reports another name), and the SQL Server knows no database of that name. A batch that
//! says this and nothing else goes on with the database's real name; whatever else a batch says is not looked at.

use crate::domain::name::fold;
use crate::tds::{PacketType, TdsVersion};

/// The alias of a session, and what it stands for.
#[derive(Debug, Clone)]
pub struct Alias {
    /// In lower case.
    alias: String,
    database: String,
    version: TdsVersion,
}

impl Alias {
    /// Nothing where both are the same name to SQL Server.
    pub fn new(alias: &str, database: &str, version: TdsVersion) -> Option<Self> {
        let alias = fold(alias);
        (alias != fold(database)).then(|| Self { alias, database: database.to_owned(), version })
    }

    /// The packet or SMP frame to send instead of this one, where it is a whole batch that says `USE alias`.
    pub(super) fn translated(&self, unit: &[u8]) -> Option<Vec<u8>> {
        let smp = if unit.first() == Some(&SMP) { SMP_HEADER } else { 0 };
        let (frame, packet) = unit.split_at_checked(smp)?;
        let (header, payload) = packet.split_at_checked(HEADER)?;
        if header.first() != Some(&(PacketType::SqlBatch as u8)) || packet.len() > SMALLEST_PACKET {
            return None;
        }
        let (all_headers, text) = payload.split_at_checked(self.length_of_headers(payload)?)?;
        if !self.is_use(&utf16(text)?) {
            return None;
        }
        let name = self.database.replace(']', "]]");
        let statement = format!("USE [{name}]").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let length = HEADER + all_headers.len() + statement.len();
        if length > SMALLEST_PACKET {
            return None;
        }
        let mut out = [frame, header, all_headers, &statement].concat();
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        let at = out.get_mut(smp + 2..smp + 4)?;
        at.copy_from_slice(&[high, low]);
        if smp > 0 {
            let whole = u32::try_from(out.len()).ok()?.to_le_bytes();
            out.get_mut(4..8)?.copy_from_slice(&whole);
        }
        Some(out)
    }

    /// How long ALL_HEADERS is (MS-TDS 2.2.5.3): it says so itself, and counts itself.
    fn length_of_headers(&self, payload: &[u8]) -> Option<usize> {
        if !self.version.has_all_headers() {
            return Some(0);
        }
        usize::try_from(u32::from_le_bytes(*payload.first_chunk()?)).ok()
    }

    /// Whether the text is `USE` with the alias, bare or quoted, and nothing more.
    fn is_use(&self, text: &str) -> bool {
        let text = text.trim().trim_end_matches(';').trim_end();
        let Some((keyword, name)) = text.split_at_checked(3) else { return false };
        let separated = name.starts_with(|c: char| c.is_whitespace() || c == '[' || c == '"');
        keyword.eq_ignore_ascii_case("use") && separated && fold(&unquoted(name.trim_start())) == self.alias
    }
}

fn unquoted(name: &str) -> String {
    let inside = |open, close| name.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    match (inside('[', ']'), inside('"', '"')) {
        (Some(name), _) => name.replace("]]", "]"),
        (None, Some(name)) => name.replace("\"\"", "\""),
        (None, None) => name.to_owned(),
    }
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))).collect::<Result<_, _>>().ok()
}

const HEADER: usize = 8;
const SMP: u8 = 0x53;
const SMP_HEADER: usize = 16;
/// Every packet size that two sides can agree on has room for this.
const SMALLEST_PACKET: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADERS: [u8; 22] = [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

    fn batch(headers: &[u8], text: &str) -> Vec<u8> {
        let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = u16::try_from(HEADER + headers.len() + text.len()).unwrap().to_be_bytes();
        [&[1, 9, length[0], length[1], 0, 51, 1, 0][..], headers, &text].concat()
    }

    fn smp(packet: &[u8]) -> Vec<u8> {
        let length = u32::try_from(SMP_HEADER + packet.len()).unwrap().to_le_bytes();
        [&[SMP, 8, 3, 0], &length[..], &[1, 0, 0, 0, 4, 0, 0, 0], packet].concat()
    }

    fn alias() -> Alias {
        Alias::new("Trade", "Nord]wind", TdsVersion::V7_4).unwrap()
    }

    #[test]
    fn a_use_of_the_alias_becomes_a_use_of_the_database_in_every_spelling() {
        let expected = batch(&HEADERS, "USE [Nord]]wind]");
        for text in ["use trade", "USE [Trade]", "use\t\"TRADE\" ;", "  Use[trade];;", "use trade\r\n"] {
            assert_eq!(alias().translated(&batch(&HEADERS, text)), Some(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn a_use_inside_an_smp_frame_is_translated_and_the_frame_keeps_its_place_in_the_stream() {
        let there = alias().translated(&smp(&batch(&HEADERS, "use trade"))).unwrap();
        assert_eq!(there, smp(&batch(&HEADERS, "USE [Nord]]wind]")));
    }

    #[test]
    fn sql_server_2000_clients_have_no_headers_before_the_text() {
        let old = Alias::new("trade", "Nordwind", TdsVersion::V7_1).unwrap();
        assert_eq!(old.translated(&batch(&[], "use trade")), Some(batch(&[], "USE [Nordwind]")));
    }

    #[test]
    fn whatever_else_a_batch_says_stays_as_it_is() {
        for text in
            ["use tradex", "user trade", "use trade; drop table t", "select 'use trade'", "use [trade", "", "use"]
        {
            assert_eq!(alias().translated(&batch(&HEADERS, text)), None, "{text:?}");
        }
        let mut rpc = batch(&HEADERS, "use trade");
        rpc[0] = 3;
        assert_eq!(alias().translated(&rpc), None);
    }

    #[test]
    fn a_database_that_is_called_as_its_alias_needs_no_translation() {
        assert!(Alias::new("sales", "SALES", TdsVersion::V7_4).is_none());
    }

    #[test]
    fn a_name_that_would_not_fit_every_packet_size_is_left_to_the_server() {
        let long = Alias::new("trade", &"]".repeat(128), TdsVersion::V7_4).unwrap();
        assert_eq!(long.translated(&batch(&HEADERS, "use trade")), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = alias().translated(&bytes);
        }
    }
}
