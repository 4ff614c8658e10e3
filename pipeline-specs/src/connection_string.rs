//! Connection strings with their secrets taken out, for echoes and fingerprints.

/// Keys whose values are known to be no secret, in lower case without spaces. Everything else is masked: an
/// unknown key may hold one.
const HARMLESS: [&str; 30] = [
    "accountname",
    "address",
    "applicationintent",
    "applicationname",
    "blobendpoint",
    "connecttimeout",
    "connectiontimeout",
    "database",
    "datasource",
    "defaultendpointsprotocol",
    "driver",
    "dsn",
    "encrypt",
    "endpointsuffix",
    "failoverpartner",
    "host",
    "hostnameincertificate",
    "initialcatalog",
    "integratedsecurity",
    "multisubnetfailover",
    "port",
    "server",
    "servername",
    "sslmode",
    "trusted_connection",
    "trustservercertificate",
    "uid",
    "user",
    "userid",
    "username",
];

/// The text with every value masked that may be a secret. Braced ODBC values keep their semicolons together.
pub(crate) fn masked(text: &str) -> String {
    let mut out = Vec::new();
    for part in split(text) {
        match part.split_once('=') {
            // A value with another '=' in it may have swallowed a key through an odd quote.
            Some((key, value)) if value.contains('=') => out.push(format!("{}=***", key.trim())),
            Some((key, _)) if !HARMLESS.contains(&normal(key).as_str()) => out.push(format!("{}=***", key.trim())),
            Some((key, value)) => out.push(format!("{}={}", key.trim(), value.trim())),
            None if part.trim().is_empty() => {}
            None => out.push("***".to_owned()),
        }
    }
    out.join(";")
}

fn normal(key: &str) -> String {
    key.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Parts between semicolons that are neither in braces nor in quotes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut open) = (0, None);
    for (at, c) in text.char_indices() {
        match (open, c) {
            (None, '{') => open = Some('}'),
            (None, '"' | '\'') => open = Some(c),
            (Some(closing), c) if c == closing => open = None,
            (None, ';') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_everything_that_is_not_known_to_be_harmless() {
        let text = "Driver={My;Driver};Server=h;Uid=u;PWD={a;b=c};Odd=1;Password=\"x;y\"; Data Source = d ;rest";
        assert_eq!(masked(text), "Driver={My;Driver};Server=h;Uid=u;PWD=***;Odd=***;Password=***;Data Source=d;***");
        assert_eq!(masked("AccountName=a;AccountKey=k==;"), "AccountName=a;AccountKey=***");
    }

    #[test]
    fn an_open_quote_hides_the_rest() {
        assert!(!masked("Password='abc;Server=def").contains("def"));
    }
}
