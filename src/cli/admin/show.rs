//! How answers are printed: as JSON, or for people.

use super::integration_show;
use super::table::{facts, facts_to, table};
use super::{certificate, client};
use crate::admin::{
    AccountView, AddressRuleView, AddressView, AdminResponse, DatabaseView, DeviceView, EnrolmentCodeView, GrantView,
    GranteeName, GroupView, MetView, PassView, SentSecret, ServerView, SessionView, SettingView, TokenView,
    WaitingCodeView, WhoseName,
};
use crate::cli::output;
pub(super) use crate::tls::anchor::grouped as fingerprint;
use crate::upstream::TlsRule;

/// Prints an answer.
pub(super) fn show(response: &AdminResponse, json: bool) -> anyhow::Result<()> {
    if json {
        output::json(&value(response)?);
        return Ok(());
    }
    match response {
        AdminResponse::Account(view) => account(view),
        AdminResponse::Accounts(views) => accounts(views),
        AdminResponse::Addresses(views) => addresses(views),
        AdminResponse::AddressRules(views) => address_rules(views),
        AdminResponse::Group(view) => group(view),
        AdminResponse::Groups(views) => groups(views),
        AdminResponse::Device(view) => device(view),
        AdminResponse::Devices(views) => devices(views),
        AdminResponse::EnrolmentCodes(views) => enrolment_codes(views),
        AdminResponse::WaitingCodes(views) => waiting_codes(views),
        AdminResponse::Pass(view) => pass(view),
        AdminResponse::Passes(views) => passes(views),
        AdminResponse::Token(view) => token(view),
        AdminResponse::Tokens(views) => tokens(views),
        AdminResponse::Client(view) => client::show_one(view),
        AdminResponse::Clients(views) => client::show_list(views),
        AdminResponse::Server(view) => server(view),
        AdminResponse::Servers(views) => servers(views),
        AdminResponse::Met(view) => met(view, output::line),
        AdminResponse::Database(view) => database(view),
        AdminResponse::Databases(views) => databases(views),
        AdminResponse::Grant(view) => grant(view),
        AdminResponse::Grants(views) => grants(views),
        AdminResponse::Integration(view) => integration_show::one(view),
        AdminResponse::Integrations(views) => integration_show::all(views),
        AdminResponse::Sessions(views) => sessions(views),
        AdminResponse::SetUpCode(view) => once("set-up code", &view.code),
        AdminResponse::ResetLink(view) => {
            facts([("account", view.account.clone()), ("expires", view.expires.clone())]);
            once("the link's address is the appliance's, and then /reset/ and this", &view.secret);
        }
        AdminResponse::Certificates(view) => certificate::show_list(view),
        AdminResponse::SigningRequest(view) => certificate::show_request(view),
        AdminResponse::Settings(views) => settings(views),
        AdminResponse::StateFile(view) => output::line(view.path.display()),
        AdminResponse::Mail(view) => {
            output::line(format_args!("{} has taken the mail to {}: look whether it arrives", view.server, view.to));
        }
        AdminResponse::Ended { count } => output::line(format_args!("{count} ended")),
    }
    Ok(())
}

/// An answer's value as JSON, without the envelope that it crosses the socket in.
pub(super) fn value(response: &AdminResponse) -> anyhow::Result<serde_json::Value> {
    let mut whole = serde_json::to_value(response)?;
    Ok(whole.get_mut("value").map(serde_json::Value::take).unwrap_or_default())
}

fn settings(views: &[SettingView]) {
    let rows = views.iter().map(|view| [view.name.clone(), view.value.clone(), view.origin.clone()]);
    table(["setting", "value", "from"], rows.collect());
}

/// Prints a secret that is shown this once.
pub(super) fn once(what: &str, secret: &SentSecret) {
    output::line("");
    output::line(format_args!("{what}, shown only this once:"));
    output::line(secret.0.expose());
}

fn account(view: &AccountView) {
    facts([
        ("account", view.name.clone()),
        ("id", view.id.to_string()),
        ("role", view.role.to_string()),
        ("state", state(view).to_owned()),
        ("password", password(view).to_owned()),
        ("second factor", second_factor(view)),
        ("default database", or_dash(view.default_database.as_ref())),
        ("groups", list(&view.groups)),
        ("expires", view.expires.clone().unwrap_or_else(|| "never".to_owned())),
        ("mail", mail(view)),
        ("created", view.created.clone()),
    ]);
}

fn mail(view: &AccountView) -> String {
    or_dash(view.mail.as_ref().map(ToString::to_string).as_ref())
}

fn second_factor(view: &AccountView) -> String {
    match (view.second_factors.is_empty(), view.second_factor_required) {
        (false, _) => view.second_factors.join(", "),
        (true, true) => "none; asked for at the next sign-in on the web".to_owned(),
        (true, false) => "none".to_owned(),
    }
}

fn accounts(views: &[AccountView]) {
    let row = |view: &AccountView| {
        let (role, database) = (view.role.to_string(), or_dash(view.default_database.as_ref()));
        let expires = view.expires.clone().unwrap_or_else(|| "never".to_owned());
        [view.name.clone(), role, state(view).to_owned(), password(view).to_owned(), database, expires, mail(view)]
    };
    table(
        ["name", "role", "state", "password", "default database", "expires", "mail"],
        views.iter().map(row).collect(),
    );
}

fn state(view: &AccountView) -> &'static str {
    if view.enabled { "enabled" } else { "disabled" }
}

fn password(view: &AccountView) -> &'static str {
    match (view.has_password, view.password_at_gateway) {
        (false, _) => "none",
        (true, true) => "yes",
        (true, false) => "not at the gateway",
    }
}

fn addresses(views: &[AddressView]) {
    let row = |view: &AddressView| {
        let (seen, pinned) = (or_dash(view.seen.as_ref()), or_dash(view.pinned.as_ref()));
        [view.account.clone(), view.address.to_string(), seen, pinned, view.agent.clone()]
    };
    table(["account", "address", "signed in", "pinned", "browser"], views.iter().map(row).collect());
}

fn address_rules(views: &[AddressRuleView]) {
    let row = |view: &AddressRuleView| {
        let whose = match &view.whose {
            WhoseName::Appliance => "the whole appliance".to_owned(),
            WhoseName::Group(name) => format!("group {name}"),
            WhoseName::Account(name) => format!("account {name}"),
        };
        let within = view.within.map(|within| format!("{} h", within.as_secs_f64() / 3600.0));
        let networks: Vec<String> = view.networks.iter().map(ToString::to_string).collect();
        [whose, or_dash(within.as_ref()), list(&networks)]
    };
    table(["whose logins", "signed in on the web within", "networks"], views.iter().map(row).collect());
}

fn group(view: &GroupView) {
    facts([
        ("group", view.name.clone()),
        ("id", view.id.to_string()),
        ("accounts", list(&view.accounts)),
        ("groups", list(&view.groups)),
        ("created", view.created.clone()),
    ]);
}

fn groups(views: &[GroupView]) {
    let row = |view: &GroupView| [view.name.clone(), list(&view.accounts), list(&view.groups)];
    table(["name", "accounts", "groups"], views.iter().map(row).collect());
}

fn device(view: &DeviceView) {
    facts([
        ("device", view.name.clone()),
        ("id", view.id.to_string()),
        ("account", view.account.clone()),
        ("networks", if view.networks.is_empty() { "any".to_owned() } else { list(&view.networks) }),
        ("created", view.created.clone()),
    ]);
    if let Some(secret) = &view.secret {
        once("its secret (the user name is the device's name)", secret);
    }
}

fn devices(views: &[DeviceView]) {
    let row = |view: &DeviceView| [view.name.clone(), view.account.clone(), view.created.clone()];
    table(["name", "account", "created"], views.iter().map(row).collect());
}

/// As CSV, for a mail merge or a script, however many there are.
fn enrolment_codes(views: &[EnrolmentCodeView]) {
    output::line("account,code,expires");
    for view in views {
        output::line(format_args!("{},{},{}", csv_cell(&view.account), view.code.0.expose(), view.expires));
    }
}

fn waiting_codes(views: &[WaitingCodeView]) {
    let row = |view: &WaitingCodeView| {
        let (made, by) = (or_dash(view.made.as_ref()), or_dash(view.made_by.as_ref()));
        [view.id.clone(), view.account.clone(), made, by, view.expires.clone()]
    };
    table(["id", "account", "made", "by", "expires"], views.iter().map(row).collect());
}

/// A text as a cell: quoted, and no formula to a spreadsheet.
fn csv_cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn pass(view: &PassView) {
    facts([
        ("pass", view.id.to_string()),
        ("account", view.account.clone()),
        ("device", or_dash(view.device.as_ref())),
        ("expires", view.expires.clone()),
    ]);
    if let Some(secret) = &view.secret {
        once("the pass (the user name is the account's name)", secret);
    }
}

fn passes(views: &[PassView]) {
    let row = |view: &PassView| {
        let expires = ended(&view.expires, view.expired);
        [view.id.to_string(), view.account.clone(), or_dash(view.device.as_ref()), expires]
    };
    table(["id", "account", "device", "expires"], views.iter().map(row).collect());
}

fn token(view: &TokenView) {
    facts([
        ("token", view.id.to_string()),
        ("account", view.account.clone()),
        ("label", view.label.clone()),
        ("scopes", view.scopes.to_string()),
        ("expires", view.expires.clone()),
    ]);
    if let Some(secret) = &view.secret {
        once("the access token", secret);
    }
}

fn tokens(views: &[TokenView]) {
    let row = |view: &TokenView| {
        let expires = ended(&view.expires, view.expired);
        [view.id.to_string(), view.account.clone(), view.label.clone(), view.scopes.to_string(), expires]
    };
    table(["id", "account", "label", "scopes", "expires"], views.iter().map(row).collect());
}

fn server(view: &ServerView) {
    let target = &view.target;
    facts([
        ("server", view.name.clone()),
        ("id", view.id.to_string()),
        ("address", format!("{}:{}", target.host, target.port)),
        ("certificate", rule(&target.tls)),
        ("certificate name", target.certificate_name.clone().unwrap_or_else(|| target.host.clone())),
        ("routing allowed", list(&target.routing_allowed)),
        ("databases", view.databases.to_string()),
        ("created", view.created.clone()),
    ]);
}

fn servers(views: &[ServerView]) {
    let row = |view: &ServerView| {
        let address = format!("{}:{}", view.target.host, view.target.port);
        [view.name.clone(), address, rule(&view.target.tls), view.databases.to_string()]
    };
    table(["name", "address", "certificate", "databases"], views.iter().map(row).collect());
}

fn rule(rule: &TlsRule) -> String {
    match rule {
        TlsRule::SystemRoots => "by the system's authorities".to_owned(),
        TlsRule::Authority { .. } => "by a pinned authority".to_owned(),
        TlsRule::Certificate { sha256 } => format!("pinned {}…", sha256.get(..16).unwrap_or(sha256)),
        TlsRule::TrustAnything => "NOT VERIFIED: anything is trusted".to_owned(),
    }
}

/// What a server showed, for people to compare, printed by `print`.
pub(super) fn met(view: &MetView, print: impl Fn(String)) {
    let speaks = if view.strict { "TDS 8.0" } else { "TDS 7.x, encrypted" };
    let general = [("reached", view.address.clone()), ("speaks", speaks.to_owned()), ("verdict", view.verdict.clone())];
    facts_to(&print, general);
    for (at, certificate) in view.certificates.iter().enumerate() {
        print(String::new());
        let title = if at == 0 { "certificate of the server" } else { "certificate above it" };
        let signed = if certificate.self_signed { "itself".to_owned() } else { certificate.issuer.clone() };
        let facts = [
            (title, certificate.subject.clone()),
            ("  names", list(&certificate.names)),
            ("  signed by", signed),
            ("  valid from", certificate.not_before.clone()),
            ("  valid until", certificate.not_after.clone()),
            ("  SHA-256", fingerprint(&certificate.sha256)),
        ];
        facts_to(&print, facts);
    }
}

fn database(view: &DatabaseView) {
    facts([
        ("database", view.alias.clone()),
        ("id", view.id.to_string()),
        ("server", view.server.clone()),
        ("name there", view.name.clone()),
        ("grants", view.grants.to_string()),
        ("created", view.created.clone()),
    ]);
}

fn databases(views: &[DatabaseView]) {
    let row =
        |view: &DatabaseView| [view.alias.clone(), view.server.clone(), view.name.clone(), view.grants.to_string()];
    table(["alias", "server", "name there", "grants"], views.iter().map(row).collect());
}

fn grant(view: &GrantView) {
    facts([
        ("grant", view.id.to_string()),
        ("to", grantee(&view.grantee)),
        ("database", view.database.clone()),
        ("access", view.access.to_string()),
        ("SQL login", view.login.clone()),
        ("tried", or_dash(view.check.as_ref())),
    ]);
}

fn grants(views: &[GrantView]) {
    let row = |view: &GrantView| {
        let (to, access) = (grantee(&view.grantee), view.access.to_string());
        [view.id.to_string(), to, view.database.clone(), access, view.login.clone()]
    };
    table(["id", "to", "database", "access", "SQL login"], views.iter().map(row).collect());
}

fn grantee(grantee: &GranteeName) -> String {
    match grantee {
        GranteeName::Account(name) => format!("account {name}"),
        GranteeName::Group(name) => format!("group {name}"),
    }
}

fn sessions(views: &[SessionView]) {
    let row = |view: &SessionView| {
        let (id, address) = (view.id.to_string(), view.address.to_string());
        let (host, application) = (view.host.clone(), view.application.clone());
        let bytes = view.bytes_up.saturating_add(view.bytes_down).to_string();
        let idle = format!("{} s", view.idle_seconds);
        let through = match &view.device {
            Some(device) => format!("{} {device}", view.credential),
            None => view.credential.clone(),
        };
        [
            id,
            view.account.clone(),
            through,
            view.database.clone(),
            address,
            host,
            application,
            view.since.clone(),
            idle,
            bytes,
        ]
    };
    let headings = ["id", "account", "through", "database", "address", "host", "application", "since", "idle", "bytes"];
    table(headings, views.iter().map(row).collect());
}

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

fn ended(expires: &str, expired: bool) -> String {
    if expired { format!("{expires} (ended)") } else { expires.to_owned() }
}
