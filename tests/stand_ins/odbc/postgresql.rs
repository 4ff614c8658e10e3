//! A private PostgreSQL cluster.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{PASSWORD, USER, process, require_driver};
use crate::free_port::free_port;

/// Separates fields and rows in what `psql` prints, and stands for NULL.
const FIELD: &str = "\u{1f}";
const ROW: &str = "\u{1e}";
const NULL: &str = "\u{1}";

/// A running cluster.
pub struct PostgreSql {
    // Stopped before its folder is removed.
    _server: process::Server,
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl PostgreSql {
    /// Makes and starts a cluster; passwords are asked over TCP.
    pub fn start() -> Self {
        require_driver("PostgreSQL Unicode", "odbc-postgresql");
        let programs = programs();
        let folder = TempDir::new().expect("a temporary folder");
        process::give(folder.path(), "postgres");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).expect("the password file");
        process::give(&password, "postgres");
        let initdb = programs.join("initdb").to_string_lossy().into_owned();
        process::run(&mut process::as_user(
            "postgres",
            &[],
            &[
                &initdb,
                &format!("--pgdata={}", path("data")),
                &format!("--username={USER}"),
                &format!("--pwfile={}", password.display()),
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
        ));
        let port = free_port();
        let postgres = programs.join("postgres").to_string_lossy().into_owned();
        let data = path("data");
        let sockets = folder.path().to_string_lossy().into_owned();
        let port_text = port.to_string();
        let command = [
            &*postgres,
            "-D",
            &data,
            "-p",
            &port_text,
            "-k",
            &sockets,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=64MB",
            "-c",
            "timezone=America/New_York",
        ];
        let ready = || probe(&programs, folder.path(), port);
        let server = process::Server::start("postgres", "QUIT", &command, ready);
        Self { _server: server, folder, programs, port }
    }

    /// The connection string without credentials.
    pub fn connection_string(&self) -> String {
        format!("Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={};Database=postgres;", self.port)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        self.psql(sql);
    }

    /// The rows of a query in the database's own text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let printed = self.psql(sql);
        let printed = printed.strip_suffix('\n').unwrap_or(&printed);
        let rows = printed.split(ROW).filter(|_| !printed.is_empty());
        rows.map(|row| row.split(FIELD).map(|field| (field != NULL).then(|| field.to_owned())).collect()).collect()
    }

    fn psql(&self, sql: &str) -> String {
        process::run(
            Command::new(self.programs.join("psql"))
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-U", USER])
                .args(["-F", FIELD, "-R", ROW, "-P", &format!("null={NULL}")])
                .args(["-p", &self.port.to_string(), "-h"])
                .arg(self.folder.path())
                .args(["-c", sql]),
        )
    }
}

fn probe(programs: &Path, folder: &Path, port: u16) -> bool {
    let asked =
        Command::new(programs.join("pg_isready")).args(["-q", "-p", &port.to_string(), "-h"]).arg(folder).status();
    asked.is_ok_and(|status| status.success())
}

fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let initdb = process::program("initdb", &folders, "postgresql");
    initdb.parent().expect("a folder").to_owned()
}
