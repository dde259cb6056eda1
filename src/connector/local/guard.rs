//! Who may come in: nobody but programs of the user whose connector it is.
//!
//! On Linux the system says whose program is at the other end of a connection. Elsewhere, and where the connector is a service
//! with a user of its own, a local token decides: a secret in a file that is the owner's alone, which a program sends as its user
//! name or as its password.

use std::net::SocketAddr;

use super::proc_net;
use crate::domain::Secret;
use crate::platform::Pool;
use crate::tds::Login7;

/// The rule.
#[derive(Debug, Clone)]
pub enum Guard {
    /// Programs of this user.
    SameUser {
        /// The user.
        uid: u32,
        /// Where the system's tables are read.
        pool: Pool,
    },
    /// Programs that know this token.
    Token(Secret),
    /// Every program on this machine.
    Everybody,
}

/// What is known of somebody before he has said a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// He may come in.
    Welcome,
    /// His login decides.
    Unknown,
    /// He may not.
    Stranger,
}

impl Guard {
    /// Programs of the user whose process this is; nothing where that cannot be told.
    #[cfg(target_os = "linux")]
    pub fn same_user() -> Option<Self> {
        let uid = rustix::process::geteuid();
        // Root's programs are everybody's services, and what is left over of others' connections is shown as root's.
        (!uid.is_root()).then(|| Self::SameUser { uid: uid.as_raw(), pool: Pool::new(READERS) })
    }

    /// Programs of the user whose process this is; nothing where that cannot be told.
    #[cfg(not(target_os = "linux"))]
    pub fn same_user() -> Option<Self> {
        None
    }

    /// In one word, for `--status`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SameUser { .. } => "same-user",
            Self::Token(_) => "local-token",
            Self::Everybody => "everybody",
        }
    }

    /// Looks at who has connected from `peer` to `own`. At once, while both ends are there.
    pub async fn look(&self, own: SocketAddr, peer: SocketAddr) -> Peer {
        match self {
            Self::Everybody => Peer::Welcome,
            Self::Token(_) => Peer::Unknown,
            Self::SameUser { uid, pool } => match pool.run(move || proc_net::owner(own, peer)).await {
                Ok(Ok(Some(owner))) if owner == *uid => Peer::Welcome,
                Ok(Ok(Some(owner))) => {
                    tracing::warn!(owner, "a program of another user was kept out");
                    Peer::Stranger
                }
                // One that only looked whether somebody listens, as a rule. Whoever it was: nobody is there to be let in.
                Ok(Ok(None)) => {
                    tracing::debug!("a program had closed before the system could say whose it was");
                    Peer::Stranger
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the system does not say whose program it is, so it is kept out");
                    Peer::Stranger
                }
                Err(_) => Peer::Stranger,
            },
        }
    }

    /// Whether somebody with this login comes in.
    pub fn lets_in(&self, peer: Peer, login: &Login7) -> bool {
        match (peer, self) {
            (Peer::Welcome, _) => true,
            (Peer::Unknown, Self::Token(token)) => {
                // Both are compared, whichever fits.
                let (name, password) = (Secret::new(login.user_name.clone()) == *token, login.password == *token);
                name | password
            }
            _ => false,
        }
    }
}

#[cfg(target_os = "linux")]
const READERS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_closes_at_once_is_not_called_another_users() {
        let log = crate::telemetry::tests::written("debug", true, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let own = listener.local_addr().unwrap();
                let caller = tokio::net::TcpStream::connect(own).await.unwrap();
                let (_stream, peer) = listener.accept().await.unwrap();
                let guard = |uid| Guard::SameUser { uid, pool: Pool::new(1) };
                let uid = rustix::process::geteuid().as_raw();
                assert_eq!(guard(uid).look(own, peer).await, Peer::Welcome);
                assert_eq!(guard(uid + 1).look(own, peer).await, Peer::Stranger);
                drop(caller);
                assert_eq!(guard(uid).look(own, peer).await, Peer::Stranger);
            });
        });
        assert_eq!(log.matches("another user").count(), 1, "{log}");
        assert!(log.contains("had closed"), "{log}");
    }

    #[test]
    fn a_token_stands_in_the_name_or_in_the_password_and_nothing_else_opens() {
        let guard = Guard::Token(Secret::new("ghx_right"));
        let login = |user: &str, password: &str| Login7 {
            user_name: user.into(),
            password: Secret::new(password),
            ..Login7::default()
        };
        assert!(guard.lets_in(Peer::Unknown, &login("ghx_right", "")));
        assert!(guard.lets_in(Peer::Unknown, &login("sa", "ghx_right")));
        for (user, password) in [("", ""), ("sa", "x"), ("ghx_righ", "ghx_rightt"), ("GHX_RIGHT", "")] {
            assert!(!guard.lets_in(Peer::Unknown, &login(user, password)), "{user} {password}");
        }
        assert!(!guard.lets_in(Peer::Stranger, &login("ghx_right", "ghx_right")));
        assert!(!Guard::Everybody.lets_in(Peer::Stranger, &login("sa", "x")));
    }
}
