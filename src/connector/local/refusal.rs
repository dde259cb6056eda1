//! Every way in which the connector itself says no: the numbers that drivers know, and what to do. What the gateway says goes
//! to the program as it came.

use crate::connector::pin::Place;
use crate::connector::way_back::WayBack;
use crate::domain::Side;
use crate::tds::token::ServerMessage;

/// Why a program gets no session, or loses it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is another user's.
    #[error("a program of another user")]
    OtherUser,
    /// It does not have the local token.
    #[error("a login without the local token")]
    NoToken,
    /// The sign-in has ended, or the device is taken no more: why, and what to do.
    #[error("signed out")]
    SignedOut(String, WayBack),
    /// The appliance was not reached yet, or is not now.
    #[error("not connected: {0}")]
    NotConnected(String),
    /// There is no database for this account.
    #[error("no database is granted")]
    NoDatabase,
    /// A federated sign-in of the driver's own.
    #[error("a federated sign-in of the driver's own")]
    Federated,
    /// A new password in the login.
    #[error("a change of the password within the login")]
    ChangePassword,
    /// A database file to attach.
    #[error("a database file to attach, or a user instance")]
    AttachFile,
    /// The gateway's answer is not understood.
    #[error("the gateway's answer is not understood: {0}")]
    NotUnderstood(String),
    /// As many sessions as there may be.
    #[error("too many sessions")]
    Full,
    /// The connector is being stopped.
    #[error("the connector is being stopped")]
    Stopping,
}

impl Refusal {
    /// Whose side it is on.
    pub(super) fn side(&self) -> Side {
        match self {
            Self::SignedOut(..) | Self::NoDatabase => Side::Operator,
            Self::NotConnected(_) | Self::NotUnderstood(_) => Side::Appliance,
            _ => Side::Workstation,
        }
    }

    /// What the program hears.
    pub(super) fn message(&self, place: &Place) -> ServerMessage {
        let (number, class) = match self {
            Self::OtherUser | Self::NoToken | Self::SignedOut(..) | Self::Federated => (18456, 14),
            Self::NotConnected(_) | Self::NotUnderstood(_) => (40613, 17),
            Self::NoDatabase => (4060, 11),
            Self::ChangePassword => (18488, 14),
            Self::AttachFile => (1832, 16),
            Self::Full => (10928, 16),
            Self::Stopping => (6005, 14),
        };
        ServerMessage::new(number, 1, class, format!("{} (gatehouse connect)", self.text(place)), SERVER)
    }

    /// What a program hears whose session ends.
    pub(super) fn last_word(&self, place: &Place) -> ServerMessage {
        let text = format!("The session was ended. {} (gatehouse connect)", self.text(place));
        ServerMessage::new(596, 1, 21, text, SERVER)
    }

    fn text(&self, place: &Place) -> String {
        match self {
            Self::OtherUser => {
                "Login failed. This connector serves the programs of the user who started it, and no others: start one \
                                of your own, with a port of its own (--listen)."
                    .to_owned()
            }
            Self::NoToken => {
                "Login failed. This connector asks for its local token: send it as the user name. It is in the file \
                              local-token in the connector's folder (see gatehouse connect --status)."
                    .to_owned()
            }
            Self::SignedOut(why, way_back) => format!("Login failed: {why}; {}", way_back.in_words(place)),
            Self::NotConnected(why) => {
                format!(
                    "The gateway at {place} is not reached: {why}. It is tried again; see gatehouse connect --status."
                )
            }
            Self::NoDatabase => {
                "Cannot open a database: your account has none at the gateway. Ask your administrator.".to_owned()
            }
            Self::Federated => {
                "Login failed. The connector signs in by itself: use SQL Server authentication, with any name and \
                                password."
                    .to_owned()
            }
            Self::ChangePassword => {
                "A password cannot be changed while connecting; change it on the gateway's page.".to_owned()
            }
            Self::AttachFile => {
                "Attaching a database file or using a user instance is not supported by the gateway.".to_owned()
            }
            Self::NotUnderstood(_) => {
                format!(
                    "The gateway at {place} answered in a way that this version does not understand; update gatehouse."
                )
            }
            Self::Full => "The connector serves as many sessions as it may; close some and try again.".to_owned(),
            Self::Stopping => "The connector is being stopped.".to_owned(),
        }
    }
}

/// The server's name in errors of the connector's own.
const SERVER: &str = "Gatehouse";
