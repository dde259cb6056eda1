//! Section `gateway`: sessions between workstations and SQL Servers.

use std::time::Duration;

use super::section::{Objections, between, positive, section};
use super::size::Size;

section! {
    /// Sessions between workstations and SQL Servers.
    Gateway = "gateway";

    /// How long a workstation may take for its first bytes and the TLS handshake.
    prelogin_timeout: Duration = Duration::from_secs(10);

    /// How long a workstation may take for its login message, counted from the end of the TLS handshake.
    login_timeout: Duration = Duration::from_secs(15);

    /// The longest login message that is read.
    login_size: Size = Size::from_kib(128);

    /// How long connecting to a SQL Server may take, over all of its addresses.
    dial_timeout: Duration = Duration::from_secs(10);

    /// How long a SQL Server may take to answer a login.
    server_login_timeout: Duration = Duration::from_secs(30);

    /// How often a SQL Server may send a login on to another one.
    routing_hops: usize = 10;

    /// Whether a driver may use session recovery (connection resiliency) with the SQL Server.
    session_recovery: bool = false;

    /// Whether an account's own password opens a SQL session. When false, passes, devices and tokens still do.
    password_sign_in: bool = true;

    /// Ends a session that was idle for this long; `"0s"` means never.
    idle_limit: Duration = Duration::ZERO;

    /// Ends a session that is this old; `"0s"` means never.
    absolute_limit: Duration = Duration::ZERO;

    /// How many sessions one account may have at once; 0 means as many as it likes.
    sessions_per_account: usize = 500;

    /// How many sessions there may be at once in all.
    sessions_total: usize = 10_000;

    /// How long sessions may go on after the appliance was told to stop.
    drain_grace: Duration = Duration::from_secs(10);
}

impl Objections for Gateway {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let login_size = between("login_size", self.login_size.bytes(), 4096, 16 << 20);
        [
            positive("prelogin_timeout", self.prelogin_timeout),
            positive("login_timeout", self.login_timeout),
            login_size.map(|(key, _)| (key, "has to be from 4KiB to 16MiB".to_owned())),
            positive("dial_timeout", self.dial_timeout),
            positive("server_login_timeout", self.server_login_timeout),
            between("routing_hops", self.routing_hops, 0, 10),
            between("sessions_total", self.sessions_total, 1, 1_000_000),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
