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

/// An identifier in the quotes of an ODBC driver, `"` or a backtick, or `[` for brackets. Where the
/// database has no quotes only a plain name is one.
///
/// # Errors
/// [`ErrorKind::Spec`] for an empty name, one with control characters in it, or one that needs
/// quotes where there are none.
pub(crate) fn quote_odbc_ident(name: &str, quote: Option<char>) -> Result<String> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || name.contains(char::is_control) || (quote.is_none() && !plain) {
        return Err(Error::new(ErrorKind::Spec, "a name cannot be quoted for this database; rename it in a query")
            .with("name", name.escape_debug()));
    }
    Ok(match quote {
        None => name.to_owned(),
        Some('[') => format!("[{}]", name.replace(']', "]]")),
        Some(quote) => format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}"))),
    })
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
    fn odbc_names_are_quoted_as_the_driver_says() -> Result<()> {
        assert_eq!(quote_odbc_ident("a\"b", Some('"'))?, "\"a\"\"b\"");
        assert_eq!(quote_odbc_ident("a`b", Some('`'))?, "`a``b`");
        assert_eq!(quote_odbc_ident("a]b", Some('['))?, "[a]]b]");
        assert_eq!(quote_odbc_ident("a_1", None)?, "a_1");
        for (name, quote) in [("a b", None), ("", Some('"')), ("a\nb", Some('"')), ("a;b", None)] {
            assert!(quote_odbc_ident(name, quote).is_err(), "{name:?}");
        }
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
