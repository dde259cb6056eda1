//! The way to the administration service: through the running appliance's socket, or, while it is stopped, over the
//! data folder itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;

use crate::admin::access::Need;
use crate::admin::{self, Admin, AdminRequest, AdminResponse, Certificates, Refusal};
use crate::app::control::{Client, ControlRequest, ControlResponse};
use crate::audit::Actor;
use crate::cli::{Settings, output};
use crate::config::{Config, ConfigError, Sources};
use crate::notify::Mailer;
use crate::platform::SystemClock;
use crate::state::{Layout, State};
use crate::store::StoreError;
use crate::upstream::Dialer;

/// A way to the administration service.
pub(in crate::cli) struct Reach {
    config: Config,
    sources: Sources,
    stopped: Option<Stopped>,
}

/// The service over the data folder of a stopped appliance, which is held for as long as the command runs.
struct Stopped {
    runtime: tokio::runtime::Runtime,
    admin: Admin,
}

impl Reach {
    /// By the settings, which are read.
    pub(in crate::cli) fn of(settings: &Settings) -> Result<Self, ConfigError> {
        let sources = settings.sources();
        Ok(Self { config: sources.load()?.config, sources, stopped: None })
    }

    /// Asks the service.
    pub(in crate::cli) fn ask(&mut self, request: AdminRequest) -> anyhow::Result<AdminResponse> {
        if let Some(stopped) = &self.stopped {
            return stopped.ask(request);
        }
        let asked = ControlRequest::Admin(Box::new(request.clone()));
        match Client::of(&self.config.appliance.data_dir).ask(&asked, PATIENCE)? {
            Some(ControlResponse::Admin(response)) => Ok(*response),
            Some(_) => bail!("the running appliance answered something else"),
            None => {
                let stopped = Stopped::open(&self.config, &self.sources, request.need())?;
                self.stopped.insert(stopped).ask(request)
            }
        }
    }
}

impl Stopped {
    fn open(config: &Config, sources: &Sources, need: Need) -> anyhow::Result<Self> {
        let data_dir = &config.appliance.data_dir;
        if !Layout::of(data_dir).store().exists() {
            if need == Need::Read {
                bail!("there is no appliance in {} yet, and none runs on it", data_dir.display());
            }
            output::note(format_args!("beginning a new data folder: {}", data_dir.display()));
        }
        let clock = SystemClock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (state, report) = runtime.block_on(async { State::open(config, clock.clone()) }).map_err(|error| {
            if matches!(error.downcast_ref(), Some(StoreError::InUse { .. })) {
                return error.context("the appliance is just starting or stopping, or another command holds its data");
            }
            error
        })?;
        runtime.block_on(state.record_opening(&report))?;
        if let Some(restored) = &report.restored {
            output::note(format_args!(
                "the store could not be opened ({}) and was restored from its export of {}: changes made after that are lost",
                restored.cause, restored.taken
            ));
        }
        let dialer = Dialer::new(clock.clone(), config.gateway.dial_timeout);
        let certificates = Certificates { appliance: config.appliance.clone(), tls: config.tls.clone(), running: None };
        let mailer = Mailer::open(config, clock.clone());
        // Nothing runs that would have to start anew.
        let settings = admin::Settings::new(sources.clone(), Arc::new(|| ()));
        let admin = Admin::new(&state, clock, dialer, None, certificates, Some(settings)).with_mailer(mailer);
        Ok(Self { runtime, admin })
    }

    fn ask(&self, request: AdminRequest) -> anyhow::Result<AdminResponse> {
        let answer = self.runtime.block_on(self.admin.handle(&Actor::Console, request));
        Ok(answer.map_err(|error| Refusal::from(&error))?)
    }
}

/// How long an answer may take: a probe of a server that does not answer is the slowest.
const PATIENCE: Duration = Duration::from_secs(90);
