//! Enrolling this machine with a one-time code: from then on it signs in as a device, without anybody.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;

use super::{Session, output, read_private};
use crate::config::machine_name;
use crate::connector::device::{self, DeviceSecret};
use crate::connector::oauth::OAuth;
use crate::connector::vault::{Kept, Vault};
use crate::domain::{Name, Secret};

#[derive(Debug, clap::Args)]
pub(super) struct Enrolment {
    /// Enrol this machine with an administrator's one-time code, if it is not enrolled yet. While this runs, other users of this
    /// machine see the code in the list of processes: give - and the code on the standard input, or --enrol-file, to keep it from them
    #[arg(long = "enrol", value_name = "CODE", group = "enrolment", conflicts_with_all = ["device_code", "print_link", "device_secret_file", "status", "sign_out"])]
    code: Option<String>,
    /// The same, with the code in a file that nobody else may read
    #[arg(long = "enrol-file", value_name = "FILE", group = "enrolment", conflicts_with_all = ["device_code", "print_link", "device_secret_file", "status", "sign_out"])]
    file: Option<PathBuf>,
    /// What the enrolled device is called [default: this machine's name]
    #[arg(long, value_name = "NAME", requires = "enrolment")]
    device: Option<Name>,
}

impl Enrolment {
    /// Whether it was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.code.is_some() || self.file.is_some()
    }

    /// The secret of this machine's device: the one it has, where the appliance takes that; else a new one, for the code.
    pub(super) async fn enrol(
        &self,
        session: &Session,
        vault: &Vault,
        before: Option<Kept>,
    ) -> anyhow::Result<DeviceSecret> {
        if let Some(Kept::Device(own)) = &before
            && still_counts(session, own).await
        {
            output::note(format_args!("this machine is enrolled already, as {:?}; the code was not used", own.name));
            return Ok(own.clone());
        }
        let Session { client, clock, known, .. } = session;
        let name = self.name()?;
        let (secret, account) =
            device::enrol(client, &self.code()?, &name).await.context("this machine was not enrolled")?;
        let own = DeviceSecret { name: name.to_string(), secret, other: None, since: clock.now() };
        if let Err(error) = vault.store(&Kept::Device(own.clone())).await {
            // A secret that is nowhere must not count.
            let given_back = device::leave(client, &own.secret).await;
            let left = given_back.err().map(|why| format!("; and {name:?} is still enrolled ({why}): have it revoked"));
            return Err(error).context(format!(
                "this machine was enrolled, and its secret could not be kept; another code is needed{}",
                left.unwrap_or_default()
            ));
        }
        output::line(format_args!("enrolled at {} as {:?}, for {account}", known.place, name.as_str()));
        if let Some(Kept::Program(tokens)) = before {
            // Somebody's own sign-in, which nobody uses here any more.
            let oauth = OAuth::discover(client.clone(), &known.oauth, clock.clone()).await;
            if let Ok(oauth) = oauth {
                let _ = oauth.revoke(&tokens.refresh).await;
            }
        }
        Ok(own)
    }

    fn name(&self) -> anyhow::Result<Name> {
        match &self.device {
            Some(name) => Ok(name.clone()),
            None => {
                Name::parse(&machine_name()).context("this machine's name cannot be a device's: give --device NAME")
            }
        }
    }

    fn code(&self) -> anyhow::Result<Secret> {
        let Some(code) = &self.code else {
            return read_private(self.file.as_deref().context("no code was given")?);
        };
        if code != "-" {
            return Ok(Secret::new(code.trim()));
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).context("the standard input")?;
        anyhow::ensure!(!text.trim().is_empty(), "there is no code on the standard input");
        Ok(Secret::new(text.trim()))
    }
}

/// Whether the appliance takes the secret, or cannot say now.
async fn still_counts(session: &Session, own: &DeviceSecret) -> bool {
    for secret in std::iter::once(&own.secret).chain(&own.other) {
        if device::counts(&session.client, &session.known.config, secret).await != Some(false) {
            return true;
        }
    }
    false
}

/// Longer than any code.
const LONGEST: u64 = 4096;
