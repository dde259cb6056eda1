//! What the store keeps of this room: who the appliance is, and the services beside the databases.

use serde::{Deserialize, Serialize};

use super::integrations::{Checked, Integration};
use crate::domain::{ApplianceId, IntegrationId, Timestamp};
use crate::store::{self, Change, Store, StoreError};

/// Who the appliance is, whatever it is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApplianceRecord {
    /// Its id.
    pub id: ApplianceId,
    /// When it was first started.
    pub created: Timestamp,
}

store::tables! {
    /// Who the appliance is: one entry, under key 0.
    Appliances = "workstation-appliance": u32 => ApplianceRecord;
    /// Services beside the databases.
    Integrations = "integrations": IntegrationId => Integration;
    /// What the last check of each found.
    Checks = "integration-checks": IntegrationId => Checked;
}

/// The appliance's id; made at the first start.
pub(super) async fn appliance_id(store: &Store, now: Timestamp) -> Result<ApplianceId, StoreError> {
    if let Some(record) = store.read::<Appliances>(&0)? {
        return Ok(record.id);
    }
    let new = ApplianceRecord { id: ApplianceId::random(), created: now };
    store
        .change(move |state: &mut Change<'_>| {
            let record = match state.read::<Appliances>(&0)? {
                Some(record) => record,
                None => {
                    state.put::<Appliances>(&0, &new)?;
                    new
                }
            };
            Ok(record.id)
        })
        .await
}
