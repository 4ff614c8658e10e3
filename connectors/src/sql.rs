//! Quoting of SQL identifiers, in one place.

use ropeway_engine::{Error, ErrorKind, Result};

/// SQL Server's `sysname`: the longest identifier, in UTF-16 units.
const LONGEST_SQL_SERVER_NAME: usize = 128;

/// An identifier as SQL Server reads it back unchanged: `[Order ]]Id]`.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that SQL Server cannot have: empty, longer than 128 UTF-16 units,
/// or with a NUL in it.
pub(crate) fn quote_ident(name: &str) -> Result<String> {
    if name.is_empty() || name.contains('\0') || name.encode_utf16().count() > LONGEST_SQL_SERVER_NAME {
        return Err(Error::new(
            ErrorKind::Spec,
            "a SQL Server name has 1 to 128 characters and no NUL; correct the name in the definition",
        )
        .with("name", name.escape_debug()));
    }
    Ok(format!("[{}]", name.replace(']', "]]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_brackets_are_doubled() -> Result<()> {
        assert_eq!(quote_ident("Order Id")?, "[Order Id]");
        assert_eq!(quote_ident("a]; DROP TABLE t --")?, "[a]]; DROP TABLE t --]");
        Ok(())
    }

    #[test]
    fn names_that_cannot_exist_are_refused() {
        for name in ["", "a\0b", &"x".repeat(129), &"\u{1F600}".repeat(65)] {
            assert_eq!(quote_ident(name).map_err(|error| error.kind()), Err(ErrorKind::Spec), "{name:?}");
        }
        assert!(quote_ident(&"\u{1F600}".repeat(64)).is_ok());
    }
}
