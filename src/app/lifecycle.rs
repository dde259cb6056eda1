//! The one life of the process: start, tell everybody, run until a signal, drain, stop.

use std::sync::Arc;

use anyhow::Context as _;

use super::appliance::Appliance;
use crate::config::Config;
use crate::platform::signals::{Signal, Signals};
use crate::platform::{Clock, SystemClock, Tasks, systemd};

/// Runs the appliance until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let signals = Signals::listen().context("the process cannot take signals")?;
    let clock: Arc<dyn Clock> = SystemClock::new();
    let appliance = Appliance::start(&config, Arc::clone(&clock), None).await?;
    until_told(appliance, signals, clock).await;
    Ok(())
}

/// Serves until a signal says otherwise: the first asks for a drain, an interrupt after that for an end at once.
pub async fn until_told(appliance: Appliance, mut signals: Signals, clock: Arc<dyn Clock>) {
    let tasks = Tasks::new();
    tell_systemd(&appliance, &tasks, clock);
    let (https, sql) = (appliance.https_addresses(), appliance.sql_addresses());
    let (http, metrics) = (appliance.http_addresses(), appliance.metrics_addresses());
    tracing::info!(?https, ?sql, ?http, ?metrics, "ready");
    let drain_asked = appliance.drain_asked();
    tokio::pin!(drain_asked);
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = &mut drain_asked => Signal::Drain,
        };
        if signal != Signal::Reload {
            break;
        }
        tracing::info!("reading the certificate files again");
        appliance.reload().await;
    }
    tracing::info!("draining: new logins are refused, sessions get their grace time");
    systemd::stopping("draining");
    tokio::select! {
        () = appliance.drain() => tracing::info!("stopped"),
        () = forced(&mut signals) => tracing::warn!("stopped at once, as asked"),
    }
    tasks.stop();
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
