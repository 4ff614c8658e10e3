//! What is particular about each ODBC driver, in one place. A driver that is not listed is read in
//! the ways that the ODBC standard promises for all.

use super::dialect::{self, Dialect};

/// How a value is read whole that is longer than its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LongValues {
    /// Many rows are fetched at once; the row is positioned on afterwards and the value read again.
    Positioned,
    /// Rows are fetched one by one and their values one after the other, always: MariaDB's driver
    /// gives 0 for the second FLOAT of a block and does not say whether a bound BIT is NULL.
    NoBlocks,
    /// Rows are fetched one by one wherever a column has no small maximum. Positioning is announced
    /// by more drivers than keep it: MariaDB's then skips rows.
    OneRow,
}

/// How a result is read of which the driver shall not hold everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Portions {
    /// The driver reads on as rows are fetched.
    Driver,
    /// The driver holds a whole result in memory, whatever is set.
    Whole,
    /// The driver would hold a whole result: every block of rows is a FETCH from a cursor that is declared in SQL.
    Declared,
}

/// How the database is asked to render values that its driver would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rendering {
    /// Values are taken as the driver converts them.
    Driver,
    /// MariaDB's driver gives NULL for dates such as 0000-00-00 unless they are read as text.
    MariaDb,
    /// psqlodbc turns `infinity` into the year 9999, years before Christ into years after, and
    /// writes dates beyond the year 9999 wrongly: temporal values are cast to text by the server.
    PostgreSql,
    /// libsqliteodbc gives NULL for text in a number column, rounds reals to 15 digits and ends text
    /// at a NUL character: every value is cast to bytes by the server and parsed here.
    Sqlite,
}

/// One driver, or the standard for all that are not listed.
#[derive(Debug)]
pub(crate) struct Driver {
    /// The database, for messages.
    pub(crate) name: &'static str,
    /// The Debian package that installs the driver.
    pub(crate) package: Option<&'static str>,
    /// Lower-case parts of a driver's name or library by which it is recognised.
    recognised_by: &'static [&'static str],
    /// Connection string settings, each added unless the user chose one of its spellings.
    pub(crate) settings: &'static [Setting],
    /// Statements that begin a session.
    pub(crate) session: &'static [&'static str],
    pub(crate) long_values: LongValues,
    pub(crate) rendering: Rendering,
    /// Narrow character buffers are UTF-8 whatever the locale; others are read as UTF-16.
    pub(crate) narrow_is_utf8: bool,
    /// The character that quotes identifiers, where the driver's own answer will not do.
    pub(crate) quote: Option<char>,
    /// The part of a name before the table is a catalogue, not a schema.
    pub(crate) catalogues: bool,
    pub(crate) portions: Portions,
    /// A transaction can hand its snapshot to others.
    pub(crate) exports_snapshots: bool,
    /// Native error numbers are those of SQL Server.
    pub(crate) numbers_of_sql_server: bool,
    /// How it is written to.
    pub(crate) dialect: &'static Dialect,
}

/// A connection string setting and its other spelling.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) short: &'static str,
    pub(crate) value: &'static str,
}

/// What the ODBC standard promises for every driver.
pub(crate) const STANDARD: Driver = Driver {
    name: "the database",
    package: None,
    recognised_by: &[],
    settings: &[],
    session: &[],
    long_values: LongValues::OneRow,
    rendering: Rendering::Driver,
    narrow_is_utf8: false,
    quote: None,
    catalogues: false,
    portions: Portions::Driver,
    exports_snapshots: false,
    numbers_of_sql_server: false,
    dialect: &dialect::STANDARD,
};

static DRIVERS: [Driver; 5] = [
    Driver {
        name: "PostgreSQL",
        package: Some("odbc-postgresql"),
        recognised_by: &["postgres", "psqlodbc"],
        // The driver has cursors of its own, `UseDeclareFetch`, but crashes where a connection breaks while one of
        // them reads on (13.02). After a failure in a transaction nothing more is asked, so that the savepoints
        // which it sets before every statement have no use.
        settings: &[
            Setting { key: "UseDeclareFetch", short: "B6", value: "0" },
            Setting { key: "Protocol", short: "A1", value: "7.4-1" },
            // A server that is gone without a word is noticed within a minute, not after the two hours of the kernel.
            Setting { key: "KeepaliveTime", short: "D1", value: "20" },
            Setting { key: "KeepaliveInterval", short: "D2", value: "4" },
        ],
        portions: Portions::Declared,
        exports_snapshots: true,
        // The zone is dropped by the driver, so that it must be known.
        session: &["SET TimeZone = 'UTC'", "SET DateStyle = 'ISO, YMD'", "SET IntervalStyle = 'postgres'"],
        long_values: LongValues::Positioned,
        rendering: Rendering::PostgreSql,
        dialect: &dialect::POSTGRESQL,
        narrow_is_utf8: true,
        ..STANDARD
    },
    Driver {
        name: "MariaDB",
        package: Some("odbc-mariadb"),
        recognised_by: &["maria", "libmaodbc", "mysql", "libmyodbc"],
        // A TIMESTAMP is an instant that is shown in the session's zone.
        session: &["SET time_zone = '+00:00'"],
        long_values: LongValues::NoBlocks,
        rendering: Rendering::MariaDb,
        dialect: &dialect::MARIADB,
        narrow_is_utf8: true,
        catalogues: true,
        portions: Portions::Whole,
        ..STANDARD
    },
    Driver {
        name: "SQLite",
        package: Some("libsqliteodbc"),
        recognised_by: &["sqlite"],
        // Without it the driver holds the whole result in memory.
        settings: &[Setting { key: "StepAPI", short: "StepAPI", value: "1" }],
        rendering: Rendering::Sqlite,
        dialect: &dialect::SQLITE,
        narrow_is_utf8: true,
        // An unknown name in double quotes is a string to SQLite, in backticks an error.
        quote: Some('`'),
        ..STANDARD
    },
    Driver {
        name: "SQL Server",
        recognised_by: &["sql server", "msodbcsql", "freetds", "tdsodbc"],
        numbers_of_sql_server: true,
        dialect: &dialect::SQL_SERVER,
        ..STANDARD
    },
    STANDARD,
];

impl Driver {
    /// The driver of this name or library.
    pub(crate) fn recognise(name: &str) -> &'static Self {
        let name = name.to_ascii_lowercase();
        let [known @ .., standard] = &DRIVERS;
        known.iter().find(|driver| driver.recognised_by.iter().any(|part| name.contains(part))).unwrap_or(standard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_recognised_by_name_and_by_library() {
        for (name, expected) in [
            ("PostgreSQL Unicode", "PostgreSQL"),
            ("/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so", "PostgreSQL"),
            ("MariaDB Unicode", "MariaDB"),
            ("MySQL ODBC 8.0 Unicode Driver", "MariaDB"),
            ("SQLite3", "SQLite"),
            ("FreeTDS", "SQL Server"),
            ("ODBC Driver 18 for SQL Server", "SQL Server"),
            ("Oracle 21", "the database"),
        ] {
            assert_eq!(Driver::recognise(name).name, expected);
        }
    }
}
