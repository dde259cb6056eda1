//! SQL Browser's answers, as the settings have them: which names, which ports.

use std::net::SocketAddr;
use std::sync::Arc;

use super::doors::Doors;
use crate::config::{Config, InstanceName};
use crate::door::Browser;
use crate::platform::{Clock, Tasks};
use crate::tds::ssrp::Instance;
use crate::telemetry::{Health, Metrics};

/// Answers in the background where the settings say so, until `tasks` are told to stop. Gives the addresses that are bound.
pub(super) fn serve(
    config: &Config,
    doors: &Doors,
    clock: &Arc<dyn Clock>,
    health: &Health,
    metrics: &Metrics,
    tasks: &Tasks,
) -> Vec<SocketAddr> {
    let listen = &config.listen;
    if listen.browser.is_empty() {
        return Vec::new();
    }
    let served = doors.sql.iter().chain(&doors.https);
    // A door that could not be bound yet will have the port that the settings say.
    let wanted = listen.sql.iter().chain(&listen.https);
    let door = served.chain(wanted).map(SocketAddr::port).find(|port| *port != 0).unwrap_or_default();
    let instance = |known: &InstanceName| Instance { name: known.name.clone(), port: known.port.unwrap_or(door) };
    let server = config.appliance.names.first().map_or(config.appliance.name.as_str(), String::as_str);
    let instances = listen.browser_instances.iter().map(instance).collect();
    Browser::new(server, instances, Arc::clone(clock), health.clone(), metrics).serve(&listen.browser, tasks)
}
