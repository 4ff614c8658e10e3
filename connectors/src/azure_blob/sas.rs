//! Shared access signatures: a query that is put on every request right before it is sent, so that
//! no URL elsewhere ever holds it.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::{
    Context, Request,
    policies::{Policy, PolicyResult},
};
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};

/// Puts the signature on each request.
#[derive(Debug)]
pub(crate) struct SasPolicy(SecretString);

impl SasPolicy {
    /// A policy of this query, with or without its `?`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if it has no `sig`: it was cut off, or masked by an export.
    pub(crate) fn new(query: &str) -> Result<Self> {
        let query = query.trim().trim_start_matches('?');
        if !query.split('&').any(|pair| pair.starts_with("sig=") && pair.len() > 4) {
            return Err(Error::new(
                ErrorKind::Spec,
                "the shared access signature has no 'sig' part; copy the whole token from the portal into the secret",
            ));
        }
        Ok(Self(query.to_owned().into()))
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the signature must be exactly that of the client's trait")]
#[async_trait]
impl Policy for SasPolicy {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let query = match request.url().query() {
            Some(own) if !own.is_empty() => format!("{own}&{}", self.0.expose_secret()),
            _ => self.0.expose_secret().to_owned(),
        };
        request.url_mut().set_query(Some(&query));
        next[0].send(context, request, &next[1..]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_signature_is_refused_and_not_repeated() {
        SasPolicy::new("?sv=2024&sig=abc%3D").unwrap();
        let error = SasPolicy::new("sv=2024&se=hunter2&sig=").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn debug_output_hides_it() {
        let text = format!("{:?}", SasPolicy::new("sv=1&sig=hunter2").unwrap());
        assert!(!text.contains("hunter2"), "{text}");
    }
}
