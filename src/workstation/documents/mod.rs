//! The documents that programs on workstations read: public forms, versioned, with a JSON Schema each.
//!
//! A document of a version gains members and loses none; a reader passes over those that it does not know. The schemas are in
//! `packaging/schemas/`, made from the types here ([`schemas`]) and kept in step by a test.

mod config;
mod discovery;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

pub use config::{
    AccountPart, AppliancePart, Config, ConnectionStrings, DatabasePart, IntegrationPart, Notice, NoticeLevel,
    PassPart, Revealed, TrustPart,
};
pub use discovery::{ApplianceName, Authority, Discovery, Endpoints};

/// The path of the discovery document.
pub const DISCOVERY_PATH: &str = "/.well-known/gatehouse";
/// The path of the config document.
pub const CONFIG_PATH: &str = "/api/v1/workstation/config";
/// Where a machine enrols itself with a one-time code.
pub const ENROL_PATH: &str = "/api/v1/devices/enrol";
/// Where a device asks for its next secret.
pub const ROTATE_PATH: &str = "/api/v1/devices/rotate";
/// Where a device gives itself back.
pub const LEAVE_PATH: &str = "/api/v1/devices/leave";

/// The schema of each document, by the name of its file.
pub fn schemas() -> [(&'static str, serde_json::Value); 2] {
    [("discovery.v1.schema.json", schema::<Discovery>()), ("workstation-config.v1.schema.json", schema::<Config>())]
}

fn schema<T: JsonSchema>() -> serde_json::Value {
    // As they are written, not as they may be read: members that are left out at times are not required.
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}
