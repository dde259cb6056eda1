//! How a sample server is to be.

use std::net::{Ipv4Addr, SocketAddr};

use super::engine::server::Access;
use crate::domain::Secret;

/// What the server encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TDS 7.x with all encrypted, and TDS 8.0.
    StrictAndTls,
    /// TDS 7.x with all encrypted; TDS 8.0 is not spoken.
    FullTls,
    /// TDS 7.x where the client may have its login alone encrypted; TDS 8.0 is not spoken.
    LoginOnly,
    /// Nothing.
    None,
}

/// Where the server sends clients instead of serving them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The other server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Only those with read-only intent.
    pub read_only: bool,
}

/// A SQL login of the sample server.
#[derive(Debug, Clone)]
pub struct SampleLogin {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// The database that it sees.
    pub database: String,
    /// How far it reaches there.
    pub access: Access,
}

/// How a sample server is to be.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// Where to listen; port 0 takes a free one, and the others then take the same if they can.
    pub listen: Vec<SocketAddr>,
    /// Its own name.
    pub server_name: String,
    /// The names of its certificate.
    pub names: Vec<String>,
    /// What it encrypts.
    pub encryption: Encryption,
    /// Where it sends clients.
    pub routing: Option<Routing>,
    /// The password of the administrative login `sa`.
    pub administrator_password: Secret,
    /// The other logins.
    pub logins: Vec<SampleLogin>,
    /// The most bytes that a database may take.
    pub memory_limit: usize,
    /// The most connections at once.
    pub connections: usize,
}

impl SampleOptions {
    /// On loopback and a free port, with everything encrypted, and a login for each of the two databases:
    /// `nordwind_app` and `suedsee_app`, both owners there.
    pub fn new(administrator: Secret, nordwind: Secret, suedsee: Secret) -> Self {
        let login = |name: &str, password: Secret, database: &str| SampleLogin {
            name: name.to_owned(),
            password,
            database: database.to_owned(),
            access: Access::Owner,
        };
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            server_name: "SAMPLE".to_owned(),
            names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            encryption: Encryption::StrictAndTls,
            routing: None,
            administrator_password: administrator,
            logins: vec![login("nordwind_app", nordwind, "Nordwind"), login("suedsee_app", suedsee, "Suedsee")],
            memory_limit: 512 << 20,
            connections: 2_000,
        }
    }
}
