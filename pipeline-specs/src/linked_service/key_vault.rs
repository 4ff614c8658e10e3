//! `AzureKeyVaultSecret`: where a secret is, and its value once somebody fetched it.

use serde_json::Value;

use super::Reader;
use crate::{
    definition::Kind,
    diagnostic::{Findings, property},
    reference,
    vault::VaultSecret,
};

const VAULT: &str = "AzureKeyVault";

/// The value, if it is a reference to a secret of a Key Vault.
pub(super) fn reference(value: &Value) -> Option<&Value> {
    let type_name = value.get("type").and_then(Value::as_str)?;
    type_name.eq_ignore_ascii_case("AzureKeyVaultSecret").then_some(value)
}

impl Reader<'_> {
    /// The secret, or why it is not known, as a clause of a sentence that goes on with what to do else.
    pub(super) fn of_vault(&self, asked: &Value, path: &str, findings: &mut Findings) -> Result<String, String> {
        let Some(secret) = self.place(asked, path, findings) else {
            return Err("takes a secret from Key Vault in a way that Ropeway cannot follow;".to_owned());
        };
        self.inputs.vaults.get(&secret).ok_or_else(|| {
            let host = secret.vault.trim_start_matches("https://").split('/').next().unwrap_or_default();
            format!(
                "takes the secret '{}' from the Key Vault '{host}'; ask it with --allow-host {host}, or",
                secret.name
            )
        })
    }

    fn place(&self, asked: &Value, path: &str, findings: &mut Findings) -> Option<VaultSecret> {
        let reference = reference::read(asked.get("store")?, Kind::LinkedService, &property(path, "store"))?;
        let service = self.factory.get(Kind::LinkedService, &reference.name)?;
        // Nothing of a vault is in a vault, so that this comes to an end.
        if service.type_name() != VAULT {
            return None;
        }
        let parameters =
            self.context.parameters(&reference, service.properties.get("parameters"), &service.name, findings);
        let mut own = Findings::new(&service.file);
        let vault = super::resolve((self.factory, service), parameters, self.inputs, &mut own);
        findings.absorb(own.into_vec());
        let mut text = |name: &str| {
            let written = asked.get(name).filter(|written| !written.is_null())?;
            self.context.evaluate(written, &property(path, name), findings).real.as_str().map(str::to_owned)
        };
        let (name, version) = (text("secretName")?, text("secretVersion"));
        let address = vault.settings.real.get("baseUrl").and_then(Value::as_str)?;
        address.starts_with("https://").then(|| VaultSecret::new(address, &name, version.as_deref())).flatten()
    }
}
