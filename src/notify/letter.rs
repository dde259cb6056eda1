//! A mail before it is sent: plain text to one person.

use lettre::Address;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};

use super::MailError;
use crate::domain::{MailAddress, MailId, Secret, Timestamp};

/// A mail before it is sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What mail systems know it by: one that is sent a second time, since nobody knows whether it was, is the same to them.
    pub id: MailId,
    /// Whom it is for.
    pub to: MailAddress,
    /// What it is about: one line, without secrets.
    pub subject: String,
    /// What it says, in lines. A secret, since links are.
    pub text: Secret,
}

impl Letter {
    /// The message of RFC 5322, from `sender`, written at `now`.
    pub(super) fn message(&self, sender: &MailAddress, now: Timestamp) -> Result<Message, MailError> {
        let seconds = u64::try_from(now.as_millis() / 1000).unwrap_or_default();
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let id = format!("<{}@{}>", self.id, sender.domain());
        let builder = Message::builder()
            .from(Mailbox::new(None, address(sender)?))
            .to(Mailbox::new(None, address(&self.to)?))
            .subject(one_line(&self.subject))
            .date(written)
            .message_id(Some(id))
            .header(AutoSubmitted);
        // As a part, since a bare body would come without `MIME-Version`, and its character set would not count.
        let part = SinglePart::plain(self.text.expose().to_owned());
        builder.singlepart(part).map_err(|error| MailError::Unwritable(error.to_string()))
    }
}

/// Tells programs that answer mail not to answer this one (RFC 3834, 5).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn address(address: &MailAddress) -> Result<Address, MailError> {
    address.as_str().parse().map_err(|error: lettre::address::AddressError| MailError::Unwritable(error.to_string()))
}

/// A header is one line, whatever stands in a name.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(to: &str, subject: &str, text: &str) -> String {
        let id = MailId::from_bytes([7; 16]);
        let letter = Letter { id, to: to.parse().unwrap(), subject: subject.to_owned(), text: Secret::new(text) };
        let sender = "gatehouse@example.org".parse().unwrap();
        let message = letter.message(&sender, Timestamp::from_millis(1_795_000_000_000)).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_letter_says_when_it_was_written_and_that_nobody_wrote_it() {
        let text = written("ada@example.org", "A new password", "Hello.\n");
        for line in [
            "From: gatehouse@example.org\r\n",
            "To: ada@example.org\r\n",
            "Subject: A new password\r\n",
            "Date: Wed, 18 Nov 2026 ",
            "Message-ID: <07070707-0707-0707-0707-070707070707@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    proptest! {
        #[test]
        fn no_subject_and_no_address_adds_a_header_or_another_reader(
            subject in "\\PC{0,60}|[a-zA-Z:@<>\r\n ]{0,60}",
            to in "[a-z!#$%&'*+/=?^_`{|}~-]{1,12}@[a-z]{1,8}\\.example",
        ) {
            let text = written(&to, &subject, "Hello.\n");
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
            let mut names: Vec<&str> = unfolded.split("\r\n").map(|line| line.split_once(':').unwrap().0).collect();
            names.sort_unstable();
            prop_assert_eq!(names, [
                "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID",
                "Subject", "To",
            ]);
            prop_assert!(unfolded.contains(&format!("To: {to}")), "{}", unfolded);
        }
    }
}
