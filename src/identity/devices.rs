//! Devices: enrolled workstations, each with a secret of its own.

use super::Identity;
use super::accounts::{active, take_name};
use super::addresses::MOST_NETWORKS;
use super::error::IdentityError;
use super::generated::Kind;
use super::records::{Device, Devices, NameOwner, Names, Passes, SecretHash, SecretOwner, Secrets};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, DeviceId, Event, Name, Network, PassId, Secret, Timestamp};
use crate::store::{Change, StoreError};

impl Identity {
    /// Enrols a device that acts for an account. Its secret is in the answer, and nowhere else.
    pub async fn add_device(
        &self,
        actor: &Actor,
        name: Name,
        account: AccountId,
    ) -> Result<(Device, Secret), IdentityError> {
        self.add_bound_device(actor, name, account, Vec::new()).await
    }

    /// The same, bound to networks from the first moment.
    pub async fn add_bound_device(
        &self,
        actor: &Actor,
        name: Name,
        account: AccountId,
        networks: Vec<Network>,
    ) -> Result<(Device, Secret), IdentityError> {
        few_enough(&networks)?;
        let secret = Kind::Device.generate()?;
        let (now, hash) = (self.inner.clock.now(), self.secret_hash(Kind::Device, &secret));
        let insert =
            move |state: &mut Change<'_>| new_device(state, name.clone(), account, hash, networks.clone(), now);
        let entry = |(device, owner): &(Device, Name)| {
            let entry = Entry::new(actor.clone(), "device.add").subject(device.name.as_str());
            with_networks(entry.detail("account", owner.as_str()), &device.networks)
        };
        let (device, _) = self.change(insert, entry).await?;
        Ok((device, secret))
    }

    /// Every device, by name.
    pub fn devices(&self) -> Result<Vec<Device>, IdentityError> {
        let mut devices: Vec<Device> = self.inner.store.scan::<Devices>()?.into_iter().map(|(_, d)| d).collect();
        devices.sort_by_key(|device| device.name.folded());
        Ok(devices)
    }

    /// The device with this name or id.
    pub fn device(&self, name_or_id: &str) -> Result<Device, IdentityError> {
        let id = match self.inner.store.read::<Names>(&crate::domain::name::fold(name_or_id))? {
            Some(NameOwner::Device(id)) => Some(id),
            _ => name_or_id.parse().ok(),
        };
        let found = id.map(|id| self.inner.store.read::<Devices>(&id)).transpose()?.flatten();
        found.ok_or_else(|| IdentityError::NoSuch { kind: "device", name: name_or_id.to_owned() })
    }

    /// Binds a device to networks: its secret, and the passes it was given, count from there alone; from anywhere when none
    /// are named. Live sessions from elsewhere end.
    pub async fn bind_device(
        &self,
        actor: &Actor,
        id: DeviceId,
        networks: Vec<Network>,
    ) -> Result<Device, IdentityError> {
        few_enough(&networks)?;
        let bind = move |state: &mut Change<'_>| {
            let device = read(state, id)?;
            let device = Device { networks: networks.clone(), ..device };
            state.put::<Devices>(&id, &device)?;
            Ok(device)
        };
        let entry = |device: &Device| {
            let networks: Vec<String> = device.networks.iter().map(ToString::to_string).collect();
            let entry = Entry::new(actor.clone(), "device.networks").subject(device.name.as_str());
            entry.detail("networks", networks.join(", "))
        };
        let device: Device = self.change(bind, entry).await?;
        self.publish(Event::AddressesChanged);
        Ok(device)
    }

    /// Gives a device its next secret. The one it has counts until the next is used for the first time: so
    /// nothing is lost where the answer is, or where the device ends before it keeps it. Asked again, the answer before is void.
    pub async fn rotate_device(&self, actor: &Actor, id: DeviceId) -> Result<Secret, IdentityError> {
        let secret = Kind::Device.generate()?;
        let hash = self.secret_hash(Kind::Device, &secret);
        let rotate = move |state: &mut Change<'_>| {
            let device = read(state, id)?;
            if let Some(void) = device.next {
                state.remove::<Secrets>(&void)?;
            }
            state.put::<Secrets>(&hash, &SecretOwner::Device(id))?;
            let device = Device { next: Some(hash), ..device };
            state.put::<Devices>(&id, &device)?;
            Ok(device)
        };
        let entry = |device: &Device| Entry::new(actor.clone(), "device.rotate").subject(device.name.as_str());
        self.change(rotate, entry).await?;
        Ok(secret)
    }

    /// The next secret of a device was used: the one before counts no more.
    pub(super) async fn settle_device(&self, id: DeviceId, used: SecretHash) -> Result<(), IdentityError> {
        let settle = move |state: &mut Change<'_>| {
            let device = read(state, id)?;
            // Another use of it was faster.
            if device.next != Some(used) {
                return Err(IdentityError::TooLate);
            }
            state.remove::<Secrets>(&device.hash)?;
            let device = Device { hash: used, next: None, ..device };
            state.put::<Devices>(&id, &device)?;
            Ok(device)
        };
        let entry = |device: &Device| Entry::new(Actor::Appliance, "device.rotated").subject(device.name.as_str());
        match self.change(settle, entry).await {
            Ok(_) | Err(IdentityError::TooLate | IdentityError::NoSuch { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Revokes a device, with the passes that it was given.
    pub async fn revoke_device(&self, actor: &Actor, id: DeviceId) -> Result<Device, IdentityError> {
        let revoke = move |state: &mut Change<'_>| {
            let device = read(state, id)?;
            state.remove::<Devices>(&id)?;
            state.remove::<Names>(&device.name.folded())?;
            for hash in device.hashes() {
                state.remove::<Secrets>(&hash)?;
            }
            Ok((device, remove_passes(state, id)?))
        };
        let entry = |(device, _): &(Device, Vec<PassId>)| {
            Entry::new(actor.clone(), "device.revoke").subject(device.name.as_str())
        };
        let (device, passes) = self.change(revoke, entry).await?;
        self.publish(Event::DeviceRevoked(id));
        passes.into_iter().for_each(|pass| self.publish(Event::PassRevoked(pass)));
        Ok(device)
    }

    /// What a generated secret is found by.
    pub(super) fn secret_hash(&self, kind: Kind, secret: &Secret) -> SecretHash {
        SecretHash(self.inner.store.keyed_hash(kind.purpose(), secret.expose().as_bytes()))
    }
}

/// Puts a new device into the state, under a name that is free. Says for whom it acts.
pub(super) fn new_device(
    state: &mut Change<'_>,
    name: Name,
    account: AccountId,
    hash: SecretHash,
    networks: Vec<Network>,
    now: Timestamp,
) -> Result<(Device, Name), IdentityError> {
    let owner = active(state, account, now)?;
    let device = Device { id: DeviceId::random(), name, account, hash, next: None, created: now, networks };
    take_name(state, &device.name, NameOwner::Device(device.id))?;
    state.put::<Devices>(&device.id, &device)?;
    state.put::<Secrets>(&device.hash, &SecretOwner::Device(device.id))?;
    Ok((device, owner.name))
}

/// Refuses more networks than a device may have.
pub(super) fn few_enough(networks: &[Network]) -> Result<(), IdentityError> {
    if networks.len() > MOST_NETWORKS {
        return Err(IdentityError::TooMany { what: "networks", limit: MOST_NETWORKS });
    }
    Ok(())
}

/// The entry with the networks, where there are any.
pub(super) fn with_networks(entry: Entry, networks: &[Network]) -> Entry {
    if networks.is_empty() {
        return entry;
    }
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    entry.detail("networks", networks.join(", "))
}

fn read(state: &Change<'_>, id: DeviceId) -> Result<Device, IdentityError> {
    let device = state.read::<Devices>(&id)?;
    device.ok_or_else(|| IdentityError::NoSuch { kind: "device", name: id.to_string() })
}

fn remove_passes(state: &mut Change<'_>, device: DeviceId) -> Result<Vec<PassId>, StoreError> {
    let of_device = |device| move |entry: &(PassId, super::Pass)| entry.1.device == Some(device);
    let passes: Vec<_> = state.scan::<Passes>()?.into_iter().filter(of_device(device)).collect();
    for (id, pass) in &passes {
        state.remove::<Passes>(id)?;
        state.remove::<Secrets>(&pass.hash)?;
    }
    Ok(passes.into_iter().map(|(id, _)| id).collect())
}
