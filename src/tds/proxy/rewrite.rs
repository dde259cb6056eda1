//! How the workstation's own LOGIN7 is changed on its way to the SQL Server: as little as possible.
//!
//! Host, application, library, language, locale, client id, process, packet size and read-only intent travel on as they
//! came, and so does every feature but those that must not: the sign-in is ours (02), routing is followed here (0F), and
//! nobody may remember addresses (0B). Session recovery (01) is a policy: with it, a driver reconnects by itself.

use crate::domain::Secret;
use crate::tds::TdsVersion;
use crate::tds::login7::{FeatureId, Login7, OptionFlags2, OptionFlags3};

/// What takes the place of what the workstation sent.
#[derive(Debug, Clone)]
pub struct Replacement<'a> {
    /// The SQL login's name.
    pub user: &'a str,
    /// Its password.
    pub password: &'a Secret,
    /// The database at the server.
    pub database: &'a str,
    /// The server, as it is dialled.
    pub server: &'a str,
    /// Whether the connection to the server is TDS 8.0.
    pub strict: bool,
    /// Whether session recovery travels on.
    pub session_recovery: bool,
}

/// The login for the SQL Server.
pub fn for_server(login: &Login7, with: &Replacement<'_>) -> Login7 {
    let mut login = login.clone();
    login.user_name = with.user.to_owned();
    login.password = with.password.clone();
    login.database = with.database.to_owned();
    login.server_name = with.server.to_owned();
    login.change_password = Secret::new("");
    login.attach_db_file = String::new();
    login.sspi = Vec::new();
    login.options2.set(OptionFlags2::INTEGRATED, false);
    login.options3.set(OptionFlags3::CHANGE_PASSWORD, false);
    login.options3.set(OptionFlags3::USER_INSTANCE, false);
    login.features.retain(|feature| travels(feature.id, with.session_recovery));
    if login.tds_version == TdsVersion::V8_0 && !with.strict {
        login.tds_version = TdsVersion::V7_4;
    }
    login
}

/// Whether the acknowledgement of a feature may go back to a workstation that asked for these features.
pub fn may_acknowledge(asked: &Login7, id: FeatureId, session_recovery: bool) -> bool {
    travels(id, session_recovery) && asked.features.iter().any(|feature| feature.id == id)
}

/// The version that LOGINACK names to the workstation: 7.4 and 8.0 differ in transport alone, and drivers accept only
/// what they asked for.
pub fn version_for_client(asked: TdsVersion, acknowledged: TdsVersion) -> TdsVersion {
    match (asked, acknowledged) {
        (TdsVersion::V8_0, TdsVersion::V7_4) | (TdsVersion::V7_4, TdsVersion::V8_0) => asked,
        _ => acknowledged,
    }
}

fn travels(id: FeatureId, session_recovery: bool) -> bool {
    match id {
        FeatureId::FED_AUTH | FeatureId::ENHANCED_ROUTING | FeatureId::AZURE_SQL_DNS_CACHING => false,
        FeatureId::SESSION_RECOVERY => session_recovery,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::login7::{Feature, TypeFlags};

    fn login() -> Login7 {
        let mut login = Login7 {
            tds_version: TdsVersion::V8_0,
            packet_size: 16_384,
            client_pid: 77,
            client_lcid: 0x0407,
            host_name: "WS-04".into(),
            user_name: "ada".into(),
            password: Secret::new("ghp_x"),
            app_name: "Rechnung für Köln".into(),
            server_name: "tcp:gate,1433".into(),
            library: "ODBC".into(),
            language: "Deutsch".into(),
            database: "sales".into(),
            client_id: [1, 2, 3, 4, 5, 6],
            type_flags: TypeFlags::READ_ONLY_INTENT,
            ..Login7::default()
        };
        let ids = [0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x10];
        login.features = ids.map(|id| Feature { id: FeatureId(id), data: vec![id, 1] }).into();
        login
    }

    fn replacement(password: &Secret) -> Replacement<'_> {
        let (user, database, server) = ("sales_reader", "SalesDB", "sql1.corp.example");
        Replacement { user, password, database, server, strict: false, session_recovery: false }
    }

    #[test]
    fn only_what_must_change_changes() {
        let (theirs, password) = (login(), Secret::new("s3cret"));
        let ours = for_server(&theirs, &replacement(&password));
        let expected = Login7 {
            tds_version: TdsVersion::V7_4,
            user_name: "sales_reader".into(),
            password: Secret::new("s3cret"),
            server_name: "sql1.corp.example".into(),
            database: "SalesDB".into(),
            features: ours.features.clone(),
            ..theirs
        };
        assert_eq!(ours, expected);
        let ids: Vec<u8> = ours.features.iter().map(|feature| feature.id.0).collect();
        assert_eq!(ids, [0x04, 0x05, 0x08, 0x09, 0x0A, 0x0D, 0x0E, 0x10]);
    }

    #[test]
    fn flags_that_could_ask_the_server_for_something_else_are_cleared() {
        let mut theirs = login();
        theirs.options2.set(OptionFlags2::INTEGRATED, true);
        theirs.options3.set(OptionFlags3::CHANGE_PASSWORD, true);
        theirs.options3.set(OptionFlags3::USER_INSTANCE, true);
        theirs.attach_db_file = "c:\\x.mdf".into();
        theirs.change_password = Secret::new("new");
        theirs.sspi = vec![1, 2, 3];
        let password = Secret::new("s3cret");
        assert_eq!(for_server(&theirs, &replacement(&password)), for_server(&login(), &replacement(&password)));
    }

    #[test]
    fn session_recovery_travels_only_where_the_policy_says_so() {
        let password = Secret::new("s3cret");
        let with = Replacement { session_recovery: true, ..replacement(&password) };
        assert_eq!(for_server(&login(), &with).features.first().map(|feature| feature.id.0), Some(0x01));
        assert!(may_acknowledge(&login(), FeatureId::SESSION_RECOVERY, true));
        assert!(!may_acknowledge(&login(), FeatureId::SESSION_RECOVERY, false));
    }

    #[test]
    fn a_feature_that_was_not_asked_for_is_not_acknowledged() {
        let plain = Login7::default();
        assert!(!may_acknowledge(&plain, FeatureId::UTF8_SUPPORT, false));
        assert!(may_acknowledge(&login(), FeatureId::UTF8_SUPPORT, false));
    }

    #[test]
    fn each_client_hears_the_version_that_it_asked_for() {
        assert_eq!(version_for_client(TdsVersion::V8_0, TdsVersion::V7_4), TdsVersion::V8_0);
        assert_eq!(version_for_client(TdsVersion::V7_4, TdsVersion::V8_0), TdsVersion::V7_4);
        assert_eq!(version_for_client(TdsVersion::V7_4, TdsVersion::V7_3B), TdsVersion::V7_3B);
        assert_eq!(version_for_client(TdsVersion::V7_1, TdsVersion::V7_1), TdsVersion::V7_1);
    }
}
