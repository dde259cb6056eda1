//! The administration service: what the command line, the dashboard and the API ask the appliance to do.
//!
//! [`Admin::handle`] is the one way in, and the one place that decides who may ask for what ([`access`]): denied unless
//! a role allows it. Requests and answers are plain data, so that they cross the control socket as they are; a secret
//! crosses only as a [`SentSecret`]. Names are taken wherever ids are.

pub mod access;
mod account;
mod address;
mod certificate;
mod client;
mod database;
mod device;
mod error;
mod grant;
mod group;
mod integration;
mod live;
mod login_check;
mod mail;
mod pass;
mod secret;
mod server;
mod session;
mod set_up;
mod setting;
mod state_file;
mod token;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use account::{AccountRequest, AccountView, Expiry, ResetLinkView};
pub use address::{AddressRequest, AddressRuleView, AddressView, WhoseName};
pub use certificate::{
    AuthorityView, CertificateRequest, Certificates, CertificatesView, LeafView, SigningRequestView, SourceView,
};
pub use client::{ClientRequest, ClientView};
pub use database::{DatabaseRequest, DatabaseView};
pub use device::{DeviceRequest, DeviceView, EnrolmentCodeView, WaitingCodeView};
pub use error::{AdminError, Refusal};
pub use grant::{GrantRequest, GrantView, GranteeName};
pub use group::{GroupRequest, GroupView, MemberName};
pub use integration::{AudienceName, CheckView, IntegrationRequest, IntegrationView};
pub use mail::{MailRequest, MailView};
pub use pass::{PassRequest, PassView};
pub use secret::SentSecret;
pub use server::{CertificateView, MetView, ServerRequest, ServerView};
pub use session::{LiveSessions, SessionRequest, SessionView};
pub use set_up::SetUpCodeView;
pub use setting::{SettingRequest, SettingView, Settings};
pub use state_file::{StateFileView, StateRequest};
pub use token::{TokenRequest, TokenView};

use crate::audit::{Actor, Audit};
use crate::domain::Timestamp;
use crate::estate::Estate;
use crate::identity::Identity;
use crate::notify::Mailer;
use crate::platform::Clock;
use crate::state::State;
use crate::store::Store;
use crate::upstream::Dialer;
use crate::workstation::Integrations;

/// The administration service. Clones are handles to the same service.
#[derive(Clone)]
pub struct Admin {
    identity: Identity,
    estate: Estate,
    integrations: Integrations,
    audit: Audit,
    clock: Arc<dyn Clock>,
    dialer: Dialer,
    sessions: Option<Arc<dyn LiveSessions>>,
    store: Store,
    certificates: Certificates,
    settings: Option<Settings>,
    mailer: Option<Mailer>,
}

/// What the service is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminRequest {
    /// About accounts.
    Account(AccountRequest),
    /// About the addresses that gateway logins may come from.
    Address(AddressRequest),
    /// About groups.
    Group(GroupRequest),
    /// About devices.
    Device(DeviceRequest),
    /// About passes.
    Pass(PassRequest),
    /// About access tokens.
    Token(TokenRequest),
    /// About programs that may ask people to let them in.
    Client(ClientRequest),
    /// About servers.
    Server(ServerRequest),
    /// About databases.
    Database(DatabaseRequest),
    /// About grants.
    Grant(GrantRequest),
    /// About services beside the databases.
    Integration(IntegrationRequest),
    /// About live sessions.
    Session(SessionRequest),
    /// A new code for set-up.
    SetUpCode,
    /// About the appliance's own certificates.
    Certificate(CertificateRequest),
    /// About settings.
    Setting(SettingRequest),
    /// About state files.
    State(StateRequest),
    /// About mail.
    Mail(MailRequest),
}

/// What the service answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum AdminResponse {
    /// An account, as it is now.
    Account(AccountView),
    /// Accounts.
    Accounts(Vec<AccountView>),
    /// Known addresses.
    Addresses(Vec<AddressView>),
    /// Address rules.
    AddressRules(Vec<AddressRuleView>),
    /// A group, as it is now.
    Group(GroupView),
    /// Groups.
    Groups(Vec<GroupView>),
    /// A device.
    Device(DeviceView),
    /// Devices.
    Devices(Vec<DeviceView>),
    /// One-time codes that enrol devices.
    EnrolmentCodes(Vec<EnrolmentCodeView>),
    /// One-time codes that wait for their devices, or did until they were withdrawn.
    WaitingCodes(Vec<WaitingCodeView>),
    /// A pass.
    Pass(PassView),
    /// Passes.
    Passes(Vec<PassView>),
    /// A token.
    Token(TokenView),
    /// Tokens.
    Tokens(Vec<TokenView>),
    /// A client.
    Client(ClientView),
    /// Clients.
    Clients(Vec<ClientView>),
    /// A server, as it is now.
    Server(ServerView),
    /// Servers.
    Servers(Vec<ServerView>),
    /// What a server showed.
    Met(MetView),
    /// A database, as it is now.
    Database(DatabaseView),
    /// Databases.
    Databases(Vec<DatabaseView>),
    /// A grant.
    Grant(GrantView),
    /// Grants.
    Grants(Vec<GrantView>),
    /// A service beside the databases, as it is now.
    Integration(IntegrationView),
    /// Services beside the databases.
    Integrations(Vec<IntegrationView>),
    /// Live sessions.
    Sessions(Vec<SessionView>),
    /// A code for set-up.
    SetUpCode(SetUpCodeView),
    /// A link that sets a password.
    ResetLink(ResetLinkView),
    /// Where the appliance's certificates come from.
    Certificates(CertificatesView),
    /// A request for a certificate.
    SigningRequest(SigningRequestView),
    /// Settings; none once choices were taken.
    Settings(Vec<SettingView>),
    /// A state file was written.
    StateFile(StateFileView),
    /// A test mail was taken by the mail server.
    Mail(MailView),
    /// So many sessions were ended.
    Ended {
        /// How many.
        count: usize,
    },
}

impl Admin {
    /// The service over the opened state; `sessions` where an appliance runs, `settings` where some can be chosen. It sends no mail until
    /// [`Admin::with_mailer`].
    pub fn new(
        state: &State,
        clock: Arc<dyn Clock>,
        dialer: Dialer,
        sessions: Option<Arc<dyn LiveSessions>>,
        certificates: Certificates,
        settings: Option<Settings>,
    ) -> Self {
        let State { identity, estate, integrations, audit, store, .. } = state.clone();
        Self {
            identity,
            estate,
            integrations,
            audit,
            clock,
            dialer,
            sessions,
            store,
            certificates,
            settings,
            mailer: None,
        }
    }

    /// Does what `actor` asks for, if it may.
    pub async fn handle(&self, actor: &Actor, request: AdminRequest) -> Result<AdminResponse, AdminError> {
        self.authorise(actor, &request).await?;
        match request {
            AdminRequest::Account(request) => self.account(actor, request).await,
            AdminRequest::Address(request) => self.address(actor, request).await,
            AdminRequest::Group(request) => self.group(actor, request).await,
            AdminRequest::Device(request) => self.device(actor, request).await,
            AdminRequest::Pass(request) => self.pass(actor, request).await,
            AdminRequest::Token(request) => self.token(actor, request).await,
            AdminRequest::Client(request) => self.client(actor, request).await,
            AdminRequest::Server(request) => self.server(actor, request).await,
            AdminRequest::Database(request) => self.database(actor, request).await,
            AdminRequest::Grant(request) => self.grant(actor, request).await,
            AdminRequest::Integration(request) => self.integration(actor, request).await,
            AdminRequest::Session(request) => self.session(actor, request).await,
            AdminRequest::SetUpCode => self.set_up_code(actor).await,
            AdminRequest::Certificate(request) => self.certificate(actor, request).await,
            AdminRequest::Setting(request) => self.setting(actor, request).await,
            AdminRequest::State(request) => self.state_file(actor, request).await,
            AdminRequest::Mail(request) => self.mail(actor, request).await,
        }
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

/// A time as people and programs read it.
fn shown(time: Timestamp) -> String {
    time.to_string()
}
