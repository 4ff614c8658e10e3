//! Which hosts may be called: those that a person named on the command line, never those of a definition alone.

use reqwest::Url;
use ropeway_engine::{Error, ErrorKind, Result};

/// The address, if it is one of HTTPS on a host that may be called.
///
/// # Errors
/// [`ErrorKind::Spec`] that names the host and how to allow it.
pub(super) fn checked(address: &str, hosts: &[String]) -> Result<Url> {
    // The address itself may hold secrets, so it is never shown.
    let wrong = |message: String| Error::new(ErrorKind::Spec, message).code("2108");
    let url = Url::parse(address).map_err(|_| wrong("the 'url' of the WebActivity is no address".to_owned()))?;
    if url.scheme() != "https" {
        return Err(wrong("a WebActivity calls HTTPS endpoints only; begin the 'url' with https://".to_owned()));
    }
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let port = url.port_or_known_default().unwrap_or(443);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a user and a password stand in 'authentication', not in the 'url'".to_owned()));
    }
    if hosts.iter().any(|allowed| is_allowed(&host, port, allowed)) {
        return Ok(url);
    }
    let shown = if port == 443 { host } else { format!("{host}:{port}") };
    Err(wrong(format!("the host '{shown}' may not be called; if you trust it, allow it with --allow-host {shown}")))
}

/// `host` means its port 443, `host:port` another one, and `*.domain` all hosts below the domain.
fn is_allowed(host: &str, port: u16, allowed: &str) -> bool {
    let allowed = allowed.to_ascii_lowercase();
    let (name, allowed_port) = match allowed.rsplit_once(':') {
        Some((name, digits)) if !name.ends_with(':') && !digits.ends_with(']') => match digits.parse() {
            Ok(port) => (name, port),
            Err(_) => return false,
        },
        _ => (allowed.as_str(), 443),
    };
    let fits = match name.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => host == name,
    };
    fits && port == allowed_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_hosts_are_called() {
        let hosts = ["api.example.com", "*.vault.azure.net", "127.0.0.1:8443", "[::1]:9"].map(str::to_owned);
        for good in [
            "https://api.example.com/x?sig=1",
            "https://API.example.com:443/",
            "https://orders.vault.azure.net/secrets/a",
            "https://127.0.0.1:8443/",
            "https://[::1]:9/",
        ] {
            assert!(checked(good, &hosts).is_ok(), "{good}");
        }
        for bad in [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://api.example.com.evil.example/",
            "https://evil.example/api.example.com",
            "https://api.example.com@evil.example/",
            "https://user:pw@api.example.com/",
            "https://vault.azure.net/",
            "https://evilvault.azure.net/",
            "https://127.0.0.1/",
            "https://169.254.169.254/metadata",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(checked(bad, &hosts).is_err(), "{bad}");
        }
        assert!(checked("https://api.example.com/", &[]).is_err());
    }

    #[test]
    fn no_error_shows_the_address() {
        for address in
            ["https://h.example/?sig=hunter2", "http://h.example/?sig=hunter2", "hunter2", "https://u:hunter2@h/"]
        {
            assert!(!checked(address, &[]).unwrap_err().to_string().contains("hunter2"), "{address}");
        }
    }
}
