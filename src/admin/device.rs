//! Devices, as administrators see them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;
use crate::domain::{DeviceId, Name, Network};
use crate::identity::{Account, Device, IdentityError, WaitingCode, WhichCodes};

/// A request about devices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceRequest {
    /// Enrol one.
    Add {
        /// Its name.
        name: Name,
        /// The account that it acts for.
        account: String,
        /// What it is bound to; none for anywhere.
        #[serde(default)]
        networks: Vec<Network>,
    },
    /// All of them.
    List,
    /// Its secret counts from these networks alone, or from anywhere.
    Networks {
        /// The device.
        device: String,
        /// The networks; none for anywhere.
        networks: Vec<Network>,
    },
    /// Its secret no longer counts.
    Revoke(String),
    /// One-time codes, by which devices are enrolled without anybody signing in.
    Codes {
        /// The accounts that the devices will act for.
        accounts: Vec<String>,
        /// How many for each.
        count: usize,
        /// How long they count.
        lifetime: Duration,
        /// What the devices will be bound to; none for anywhere.
        #[serde(default)]
        networks: Vec<Network>,
    },
    /// The codes that wait for their devices.
    ListCodes,
    /// Codes count no more, by their ids.
    WithdrawCodes(Vec<String>),
    /// No code of an account counts any more.
    WithdrawCodesOf(String),
}

/// A one-time code that enrols a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolmentCodeView {
    /// The account that the device will act for.
    pub account: String,
    /// The code: here, and never again.
    pub code: SentSecret,
    /// When it ends.
    pub expires: String,
}

/// A one-time code that waits for its device, without the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCodeView {
    /// What it is called; nobody finds the code from it.
    pub id: String,
    /// The account that the device will act for.
    pub account: String,
    /// When it was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// Who made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When it ends.
    pub expires: String,
}

/// A device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Its name: the user name of its sign-in.
    pub name: String,
    /// The account that it acts for.
    pub account: String,
    /// The networks that it is bound to; none for any.
    #[serde(default)]
    pub networks: Vec<String>,
    /// When it was added.
    pub created: String,
    /// Its secret: in the answer to its enrolment, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SentSecret>,
}

impl DeviceRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List | Self::ListCodes) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn device(&self, actor: &Actor, request: DeviceRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        match request {
            DeviceRequest::List => {
                let devices = identity.devices()?.into_iter().map(|device| self.device_view(device));
                Ok(AdminResponse::Devices(devices.collect::<Result<_, _>>()?))
            }
            DeviceRequest::Add { name, account, networks } => {
                let account = identity.account(&account)?;
                let (device, secret) = identity.add_bound_device(actor, name, account.id, networks).await?;
                let view = self.device_view(device)?;
                Ok(AdminResponse::Device(DeviceView { secret: Some(SentSecret(secret)), ..view }))
            }
            DeviceRequest::Networks { device, networks } => {
                let device = identity.bind_device(actor, identity.device(&device)?.id, networks).await?;
                Ok(AdminResponse::Device(self.device_view(device)?))
            }
            DeviceRequest::Codes { accounts, count, lifetime, networks } => {
                self.enrolment_codes(actor, &accounts, count, lifetime, &networks).await
            }
            DeviceRequest::ListCodes => self.waiting_codes(identity.enrolment_codes()?),
            DeviceRequest::WithdrawCodes(ids) => {
                self.waiting_codes(identity.withdraw_enrolment_codes(actor, WhichCodes::These(ids)).await?)
            }
            DeviceRequest::WithdrawCodesOf(account) => {
                let which = WhichCodes::Of(identity.account(&account)?.id);
                self.waiting_codes(identity.withdraw_enrolment_codes(actor, which).await?)
            }
            DeviceRequest::Revoke(name) => {
                let device = identity.revoke_device(actor, identity.device(&name)?.id).await?;
                Ok(AdminResponse::Device(self.device_view(device)?))
            }
        }
    }

    async fn enrolment_codes(
        &self,
        actor: &Actor,
        accounts: &[String],
        count: usize,
        lifetime: Duration,
        networks: &[Network],
    ) -> Result<AdminResponse, AdminError> {
        if accounts.len().saturating_mul(count) > MOST_CODES_AT_ONCE {
            return Err(IdentityError::TooMany { what: "codes at once", limit: MOST_CODES_AT_ONCE }.into());
        }
        // What is wrong with one is found before any code is made: those of the others would be shown to nobody.
        let active = |name: &String| self.identity.active_account(name);
        let found: Vec<Account> = accounts.iter().map(active).collect::<Result<_, _>>()?;
        let mut views = Vec::new();
        for account in found {
            let (codes, expires) =
                self.identity.issue_enrolment_codes(actor, account.id, count, lifetime, networks.to_vec()).await?;
            let view = |code| EnrolmentCodeView {
                account: account.name.to_string(),
                code: SentSecret(code),
                expires: shown(expires),
            };
            views.extend(codes.into_iter().map(view));
        }
        Ok(AdminResponse::EnrolmentCodes(views))
    }

    fn waiting_codes(&self, codes: Vec<WaitingCode>) -> Result<AdminResponse, AdminError> {
        let view = |code: WaitingCode| {
            let (account, made, expires) =
                (self.account_name(code.account)?, code.made.map(shown), shown(code.expires));
            Ok::<_, AdminError>(WaitingCodeView { id: code.id, account, made, made_by: code.made_by, expires })
        };
        Ok(AdminResponse::WaitingCodes(codes.into_iter().map(view).collect::<Result<_, _>>()?))
    }

    fn device_view(&self, device: Device) -> Result<DeviceView, AdminError> {
        let account = self.account_name(device.account)?;
        let (name, created) = (device.name.to_string(), shown(device.created));
        let networks = device.networks.iter().map(ToString::to_string).collect();
        Ok(DeviceView { id: device.id, name, account, networks, created, secret: None })
    }
}

/// So many are made by one request: the answer has to fit.
const MOST_CODES_AT_ONCE: usize = 1000;
