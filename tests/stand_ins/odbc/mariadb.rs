//! A private MariaDB server.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

use super::{PASSWORD, USER, process, require_driver};
use crate::free_port::free_port;

/// A running server with one database, `ropeway`.
pub struct MariaDb {
    // Stopped before its folder is removed.
    _server: process::Server,
    folder: TempDir,
    port: u16,
}

impl MariaDb {
    /// Makes and starts a server.
    pub fn start() -> Self {
        require_driver("MariaDB Unicode", "odbc-mariadb");
        let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
        let server = process::program("mariadbd", &folders, "mariadb-server").to_string_lossy().into_owned();
        let folder = TempDir::new().expect("a temporary folder");
        process::give(folder.path(), "mysql");
        let data = format!("--datadir={}", folder.path().join("data").display());
        // Servers that start at the same moment give their temporary tables the same names.
        let temporary = format!("--tmpdir={}", folder.path().display());
        process::run(&mut process::as_user(
            "mysql",
            &[],
            &[
                "mariadb-install-db",
                "--no-defaults",
                &data,
                &temporary,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
        ));
        let port = free_port();
        let socket = folder.path().join("socket");
        let command = [
            &*server,
            "--no-defaults",
            &data,
            &temporary,
            &format!("--socket={}", socket.display()),
            &format!("--port={port}"),
            &format!("--pid-file={}", folder.path().join("pid").display()),
            "--bind-address=127.0.0.1",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--default-time-zone=-05:00",
        ];
        let ready = || client(&socket).args(["-e", "SELECT 1"]).output().is_ok_and(|it| it.status.success());
        let server = process::Server::start("mysql", "KILL", &command, ready);
        let this = Self { _server: server, folder, port };
        this.run(&format!(
            "CREATE DATABASE ropeway CHARACTER SET utf8mb4; \
             CREATE USER {USER}@127.0.0.1 IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON ropeway.* TO {USER}@127.0.0.1"
        ));
        this
    }

    /// The connection string without credentials.
    pub fn connection_string(&self) -> String {
        format!("Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={};Database=ropeway;", self.port)
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        process::run(client(&self.folder.path().join("socket")).args(["-e", sql]));
    }

    /// The rows of a query in the database's own text; tabs and line ends in values are escaped.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let printed = process::run(client(&self.folder.path().join("socket")).args(["-N", "-B", "ropeway", "-e", sql]));
        let value = |field: &str| (field != "NULL").then(|| field.to_owned());
        printed.lines().map(|line| line.split('\t').map(value).collect()).collect()
    }
}

fn client(socket: &std::path::Path) -> Command {
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "--default-character-set=utf8mb4", "-u", "root", "-S"]).arg(socket);
    client
}
