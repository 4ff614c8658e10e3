//! Secrets of Key Vaults: which ones definitions ask for, and those that somebody fetched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use secrecy::{ExposeSecret, SecretString};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VaultSecret {
    /// The vault's address, such as `https://orders.vault.azure.net`.
    pub vault: String,
    /// Letters, digits and hyphens.
    pub name: String,
    /// The version; `None` for the latest one.
    pub version: Option<String>,
}

/// The secrets that were fetched, and those that are wanted. All clones are the same one.
#[derive(Clone, Default)]
pub struct Vaults(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    fetched: BTreeMap<VaultSecret, SecretString>,
    wanted: BTreeSet<VaultSecret>,
}

impl VaultSecret {
    /// `None` for what is no name or version of a secret, and could lead elsewhere in an address.
    pub(crate) fn new(vault: &str, name: &str, version: Option<&str>) -> Option<Self> {
        let is_plain = |text: &str| {
            (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let version = version.filter(|version| !version.is_empty());
        let plain = is_plain(name) && version.is_none_or(is_plain);
        plain.then(|| Self {
            vault: vault.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl Vaults {
    /// Keeps a secret that was fetched.
    pub fn put(&self, secret: VaultSecret, value: String) {
        self.known().fetched.insert(secret, value.into());
    }

    /// What was asked for since the last call, and is not known.
    pub fn take_wanted(&self) -> BTreeSet<VaultSecret> {
        std::mem::take(&mut self.known().wanted)
    }

    /// The secret, if it was fetched; otherwise it is wanted from now on.
    pub(crate) fn get(&self, secret: &VaultSecret) -> Option<String> {
        let mut known = self.known();
        let found = known.fetched.get(secret).map(|value| value.expose_secret().to_owned());
        if found.is_none() {
            known.wanted.insert(secret.clone());
        }
        found
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in there panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vaults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vaults(redacted)")
    }
}
