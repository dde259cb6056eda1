//! The one life of the process: start, tell everybody, run until a signal, drain, stop.

use std::sync::Arc;

use anyhow::Context as _;

use super::appliance::Appliance;
use crate::config::{Config, Sources};
use crate::platform::signals::{Signal, Signals};
use crate::platform::{Clock, SystemClock, Tasks, systemd};

/// Runs the appliance until it is told to stop. When settings were chosen it starts anew with them, in the same process.
pub async fn run(mut config: Config, sources: Sources) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("the process cannot take signals")?;
    let clock: Arc<dyn Clock> = SystemClock::new();
    let start =
        async |config: &Config| Appliance::start_choosable(config, Arc::clone(&clock), Some(sources.clone())).await;
    let mut appliance = start(&config).await?;
    loop {
        if until_told(appliance, &mut signals, Arc::clone(&clock)).await == Ended::ForGood {
            return Ok(());
        }
        tracing::info!("starting anew, with the settings that were chosen");
        let started = match sources.load() {
            Ok(loaded) => {
                config = loaded.config;
                start(&config).await
            }
            Err(error) => Err(error.into()),
        };
        appliance = match started {
            Ok(appliance) => appliance,
            // Nobody can mend on a page what keeps the pages from being served.
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "it does not start with what was chosen, which is put aside"
                );
                sources.put_aside(&config.appliance.data_dir).context("the chosen settings cannot be put aside")?;
                config = sources.load()?.config;
                start(&config).await?
            }
        };
    }
}

/// How a run of the appliance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    ForGood,
    /// It is to be started with the settings as they are now.
    ToStartAnew,
}

/// Serves until a signal says otherwise: the first asks for a drain, an interrupt after that for an end at once.
pub async fn until_told(appliance: Appliance, signals: &mut Signals, clock: Arc<dyn Clock>) -> Ended {
    let tasks = Tasks::new();
    tell_systemd(&appliance, &tasks, clock);
    let (https, sql) = (appliance.https_addresses(), appliance.sql_addresses());
    let (http, metrics) = (appliance.http_addresses(), appliance.metrics_addresses());
    tracing::info!(?https, ?sql, ?http, ?metrics, "ready");
    let (drain_asked, new_start_asked) = (appliance.drain_asked(), appliance.new_start_asked());
    tokio::pin!(drain_asked, new_start_asked);
    let ended = loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = &mut drain_asked => Signal::Drain,
            () = &mut new_start_asked => break Ended::ToStartAnew,
        };
        if signal != Signal::Reload {
            break Ended::ForGood;
        }
        tracing::info!("reading the certificate files again");
        appliance.reload().await;
    };
    tracing::info!("draining: new logins are refused, sessions get their grace time");
    if ended == Ended::ForGood {
        systemd::stopping("draining");
    }
    tokio::select! {
        () = appliance.drain() => tracing::info!("stopped"),
        () = forced(signals) => {
            tracing::warn!("stopped at once, as asked");
            tasks.stop();
            return Ended::ForGood;
        }
    }
    tasks.stop();
    ended
}

async fn forced(signals: &mut Signals) {
    while signals.next().await != Signal::Force {}
}

fn tell_systemd(appliance: &Appliance, tasks: &Tasks, clock: Arc<dyn Clock>) {
    let (all, sql) = (appliance.https_addresses(), appliance.sql_addresses());
    systemd::ready(&format!("serving on {all:?}, SQL clients alone on {sql:?}"));
    let Some(interval) = systemd::watchdog_interval() else { return };
    let stopping = tasks.stopping();
    tasks.spawn("watchdog", async move {
        let beat = async {
            loop {
                systemd::alive();
                clock.sleep(interval).await;
            }
        };
        tokio::select! {
            () = beat => {}
            () = stopping => {}
        }
    });
}
