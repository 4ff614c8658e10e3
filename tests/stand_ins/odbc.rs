//! Real databases behind real ODBC drivers: private servers that die with the test process.

mod mariadb;
mod postgresql;
mod process;
mod sqlite;

pub use self::{mariadb::MariaDb, postgresql::PostgreSql, sqlite::Sqlite};

/// The user that the servers know. Its name and password need quoting in a connection string.
pub const USER: &str = "ropeway";
/// The user's password.
pub const PASSWORD: &str = "p;w}x{ =1";

/// Fails the test if the driver is not registered, and says how to install it.
fn require_driver(name: &str, package: &str) {
    let registered = std::fs::read_to_string("/etc/odbcinst.ini").unwrap_or_default();
    assert!(registered.contains(&format!("[{name}]")), "the ODBC driver {name} is missing: apt-get install {package}");
}
