//! Storage connection strings: `Name=value;Name=value`, where a value may hold `=`.

use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};

/// The parts of a connection string that matter for blobs.
#[derive(Default)]
pub(crate) struct ConnectionString {
    pub(crate) protocol: Option<String>,
    pub(crate) account_name: Option<String>,
    pub(crate) account_key: Option<SecretString>,
    pub(crate) blob_endpoint: Option<String>,
    pub(crate) endpoint_suffix: Option<String>,
    pub(crate) shared_access_signature: Option<SecretString>,
    pub(crate) development: bool,
}

impl ConnectionString {
    /// Splits the string. Names compare without case; those for queues, tables and files are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a part without `=`; the text is never repeated, it may be a key.
    pub(crate) fn parse(text: &SecretString) -> Result<Self> {
        let mut parsed = Self::default();
        let parts = text.expose_secret().split(';').map(str::trim).filter(|part| !part.is_empty());
        for (position, part) in parts.enumerate() {
            let Some((name, value)) = part.split_once('=') else {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "the connection string is not a list of Name=value parts; copy it again from the storage account's access keys",
                )
                .with("part", position + 1));
            };
            parsed.take(name.trim(), value.trim());
        }
        Ok(parsed)
    }

    fn take(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "defaultendpointsprotocol" => self.protocol = Some(value.to_ascii_lowercase()),
            "accountname" => self.account_name = Some(value.to_owned()),
            "accountkey" => self.account_key = Some(value.into()),
            "blobendpoint" => self.blob_endpoint = Some(value.to_owned()),
            "endpointsuffix" => self.endpoint_suffix = Some(value.to_owned()),
            "sharedaccesssignature" => self.shared_access_signature = Some(value.into()),
            "usedevelopmentstorage" => self.development = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_hold_equals_signs() {
        let text =
            "DefaultEndpointsProtocol=https; AccountName=shop;accountkey=a2V5==;EndpointSuffix=core.windows.net;";
        let parsed = ConnectionString::parse(&text.into()).unwrap();
        assert_eq!(parsed.account_key.unwrap().expose_secret(), "a2V5==");
        assert_eq!(parsed.account_name.as_deref(), Some("shop"));
        assert!(!parsed.development);
    }

    #[test]
    fn nonsense_is_refused_without_repeating_it() {
        let error = ConnectionString::parse(&"AccountName=shop;hunter2".into()).err().unwrap();
        assert_eq!(error.to_string().matches("hunter2").count(), 0);
        assert!(error.to_string().contains("part=2"), "{error}");
    }
}
