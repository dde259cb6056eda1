//! SQL Server Resolution Protocol (MC-SQLR 2.2): which port has an instance of this name? One datagram each way.
//!
//! Whoever asks is not known and may not even be where he says, so an answer is never much longer than it has to be.

/// The longest request that is looked at: its kind, a name of [`LONGEST_NAME`] bytes, and the zero at its end.
pub const LONGEST_REQUEST: usize = 1 + LONGEST_NAME + 1;

/// The longest instance name, in bytes (SQL Server's own limit).
pub const LONGEST_NAME: usize = 16;

/// The longest answer, in bytes: the specification's 1,024 bytes of data, its header included.
pub const LONGEST_ANSWER: usize = 1024;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'a> {
    /// CLNT_BCAST_EX and CLNT_UCAST_EX: every instance.
    All,
    /// CLNT_UCAST_INST: one instance, by its name.
    Instance(&'a str),
    /// CLNT_UCAST_DAC: the administrators' own door, which the gateway does not have.
    AdminConnection,
}

/// An instance that is answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The TCP port that it has.
    pub port: u16,
}

impl<'a> Question<'a> {
    /// Reads a datagram; nothing where it is not a question.
    pub fn decode(datagram: &'a [u8]) -> Option<Self> {
        match datagram {
            [BROADCAST] | [UNICAST] => Some(Self::All),
            // Old drivers send a zero behind it.
            [UNICAST, 0] => Some(Self::All),
            [INSTANCE, name @ ..] if datagram.len() <= LONGEST_REQUEST => {
                // The specification has a zero at the end; several drivers leave it out.
                let name = name.strip_suffix(&[0]).unwrap_or(name);
                std::str::from_utf8(name).ok().filter(|name| can_be_a_name(name)).map(Self::Instance)
            }
            [ADMIN_CONNECTION, ..] if datagram.len() <= LONGEST_REQUEST => Some(Self::AdminConnection),
            _ => None,
        }
    }
}

/// Whether it can be a name at all: nothing in it ends a field of an answer. Which ones there are is the caller's to know.
fn can_be_a_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(|c| c.is_ascii_graphic() && c != ';')
}

/// The answer (SVR_RESP) that says where these instances of `server` are. Those that do not fit are left out; nothing where none does.
pub fn answer<'a>(server: &str, instances: impl IntoIterator<Item = &'a Instance>) -> Option<Vec<u8>> {
    // No field may end another one, and all the world writes these in ASCII.
    let clean = |c: &char| c.is_ascii_graphic() && *c != ';';
    let server: String = server.chars().filter(clean).take(LONGEST_SERVER).collect();
    let mut data = String::new();
    for Instance { name, port } in instances {
        let one = format!("ServerName;{server};InstanceName;{name};IsClustered;No;Version;{VERSION};tcp;{port};;");
        if HEADER + data.len() + one.len() <= LONGEST_ANSWER {
            data.push_str(&one);
        }
    }
    let length = u16::try_from(data.len()).ok().filter(|length| *length > 0)?;
    let mut answer = vec![RESPONSE];
    answer.extend(length.to_le_bytes());
    answer.extend(data.into_bytes());
    Some(answer)
}

const BROADCAST: u8 = 0x02;
const UNICAST: u8 = 0x03;
const INSTANCE: u8 = 0x04;
const RESPONSE: u8 = 0x05;
const ADMIN_CONNECTION: u8 = 0x0f;
const HEADER: usize = 3;
/// Of the server's name; drivers that read it only show it.
const LONGEST_SERVER: usize = 64;
/// The same that PRELOGIN is answered with: the databases' own version is not known here, and nobody's business.
const VERSION: &str = "16.0.1000.0";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instance(name: &str, port: u16) -> Instance {
        Instance { name: name.to_owned(), port }
    }

    #[test]
    fn a_question_for_an_instance_is_read_with_and_without_the_zero_at_its_end() {
        assert_eq!(Question::decode(b"\x04SQLEXPRESS\0"), Some(Question::Instance("SQLEXPRESS")));
        assert_eq!(Question::decode(b"\x04SQLEXPRESS"), Some(Question::Instance("SQLEXPRESS")));
        assert_eq!(Question::decode(b"\x02"), Some(Question::All));
        assert_eq!(Question::decode(b"\x03"), Some(Question::All));
        assert_eq!(Question::decode(b"\x0f\x01SQLEXPRESS\0"), Some(Question::AdminConnection));
    }

    #[test]
    fn what_is_no_question_is_none() {
        for bad in [
            &b""[..],
            b"\x04",
            b"\x04\0",
            b"\x04a;b",
            b"\x04a\0b\0",
            b"\x04\xff\xfe",
            b"\x04abcdefghijklmnopq\0",
            b"\x05\x03\0abc",
            b"\x02\x02",
            b"GET / HTTP/1.1",
        ] {
            assert_eq!(Question::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_what_drivers_read() {
        let answer = answer("sql.corp.example", [&instance("ERP", 1433)]).unwrap();
        let text = "ServerName;sql.corp.example;InstanceName;ERP;IsClustered;No;Version;16.0.1000.0;tcp;1433;;";
        assert_eq!(answer[..3], [0x05, u8::try_from(text.len()).unwrap(), 0]);
        assert_eq!(&answer[3..], text.as_bytes());
        assert_eq!(super::answer("sql", []), None);
    }

    #[test]
    fn no_name_of_a_server_ends_a_field() {
        let answer = answer("a;tcp;1;;b\r\nü", [&instance("ERP", 1433)]).unwrap();
        assert!(String::from_utf8(answer[3..].to_vec()).unwrap().starts_with("ServerName;atcp1b;InstanceName;ERP;"));
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_without_a_panic(datagram: Vec<u8>) {
            let question = Question::decode(&datagram);
            prop_assert!(question.is_none() || datagram.len() <= LONGEST_REQUEST);
        }

        #[test]
        fn every_name_that_is_allowed_is_found_in_a_question_again(name in "[A-Za-z0-9_$#&-]{1,16}") {
            let datagram = [&[INSTANCE], name.as_bytes(), &[0]].concat();
            prop_assert_eq!(Question::decode(&datagram), Some(Question::Instance(&name)));
        }

        #[test]
        fn no_answer_is_longer_than_its_limit_and_one_instance_costs_little(
            server in ".{0,300}",
            instances in proptest::collection::vec(("[A-Za-z0-9_$#&-]{1,16}", any::<u16>()), 1..60),
        ) {
            let instances: Vec<Instance> = instances.iter().map(|(name, port)| instance(name, *port)).collect();
            let all = answer(&server, &instances).unwrap();
            prop_assert!(all.len() <= LONGEST_ANSWER);
            prop_assert_eq!(usize::from(u16::from_le_bytes([all[1], all[2]])), all.len() - HEADER);
            prop_assert!(String::from_utf8(all[HEADER..].to_vec()).unwrap().ends_with(";;"));
            // Behind the headers of IP and UDP, at most some three times what was asked comes back for a name.
            let one = answer(&server, [&instances[0]]).unwrap();
            prop_assert!(one.len() <= 72 + LONGEST_SERVER + LONGEST_NAME + 5);
        }
    }
}
