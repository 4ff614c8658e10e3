//! Names of containers and blobs, checked before anything is sent.

use ropeway_engine::{Error, ErrorKind, Result};

use crate::binary::INVALID_NAME;

/// The longest blob name the service takes, in characters.
const LONGEST_BLOB: usize = 1024;

/// Checks the service's rules for a container name.
///
/// # Errors
/// [`ErrorKind::Spec`] that says the rule.
pub(crate) fn container(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ordinary = (3..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if ordinary || matches!(name, "$root" | "$web") {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Spec,
        "this is no container name: use 3 to 63 lower-case letters, digits and single dashes, with a letter or digit at both ends",
    )
    .with("container", name.escape_debug()))
}

/// The name of a blob from a folder path and a file name, with single slashes.
///
/// # Errors
/// [`ErrorKind::Spec`] if the service, or a file system that the blob is copied to later, would not
/// take the name: a `..` step, a control character, a backslash, a wildcard, too long, a dot at the end.
pub(crate) fn blob(folder: &str, file: &str) -> Result<String> {
    let name: Vec<&str> = folder.split('/').chain(file.split('/')).filter(|step| !step.is_empty()).collect();
    let joined = name.join("/");
    let refuse = |reason: &'static str| Err(Error::new(ErrorKind::Spec, reason).with("blob", joined.escape_debug()));
    if name.iter().any(|step| matches!(*step, "." | "..")) {
        return refuse("a blob name with a '.' or '..' step is not the name it seems; write the path out");
    }
    if joined.chars().any(|c| c.is_control() || c == '\\') {
        return refuse("a blob name must not hold control characters or backslashes; use '/' between folders");
    }
    if joined.contains(['*', '?']) {
        return refuse("a sink's path must not hold wildcards; name the blob or its folder");
    }
    if joined.chars().count() > LONGEST_BLOB || name.len() > 254 {
        return refuse("a blob name is at most 1024 characters and 254 folders; shorten the path");
    }
    if name.iter().any(|step| step.ends_with('.')) {
        return refuse("the service drops dots at the end of a blob name's steps; leave them out");
    }
    Ok(joined)
}

/// The name of a blob that is the copy of a file. It is kept as it is, or refused.
///
/// # Errors
/// [`ErrorKind::Data`] for a name that the service would not take, or would change.
pub(crate) fn copied(path: &str) -> Result<String> {
    blob("", path).ok().filter(|same| same == path).ok_or_else(|| {
        Error::new(
            ErrorKind::Data,
            "the service takes no blob of this name: wildcards, a dot at the end of a step, or too long; rename the file, leave it out (skipErrorFile.invalidFileName), or set copyBehavior to FlattenHierarchy",
        )
        .with("file", path.escape_debug())
        .code(INVALID_NAME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_follow_the_services_rules() {
        for good in ["abc", "a-b-c", "0a0", "$web", &"a".repeat(63)] {
            container(good).unwrap();
        }
        for bad in ["ab", "Abc", "a--b", "-ab", "ab-", "a_b", "a.b", "", "a/b", "$logs2", &"a".repeat(64), "a\nb"] {
            assert_eq!(container(bad).unwrap_err().kind(), ErrorKind::Spec, "{bad:?}");
        }
    }

    #[test]
    fn blobs_are_joined_and_checked() {
        assert_eq!(blob("/in//2024/", "a b.parquet").unwrap(), "in/2024/a b.parquet");
        assert_eq!(blob("", "ä.csv").unwrap(), "ä.csv");
        for (folder, file) in
            [("a/../b", "c"), (".", "c"), ("a", "b\nc"), ("a\\b", "c"), ("a", "*.csv"), ("a.", "c"), ("", "c.")]
        {
            assert_eq!(blob(folder, file).unwrap_err().kind(), ErrorKind::Spec, "{folder:?} {file:?}");
        }
        blob("", &"x".repeat(1024)).unwrap();
        blob("", &"x".repeat(1025)).unwrap_err();
    }

    #[test]
    fn control_characters_are_escaped_in_the_message() {
        let error = blob("a", "b\u{1b}[2Jc").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}
