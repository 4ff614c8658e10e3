//! An example factory of the repository, with parameters, secrets and authorities of a test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::cli::workshop::{Finished, binary, finished};

/// A pipeline under `pipeline-specs/examples`, run as the README says: the JSON stays as it is.
pub(crate) struct Example {
    home: TempDir,
    pipeline: PathBuf,
    parameters: Vec<(String, String)>,
    secrets: Map<String, Value>,
    always: Vec<String>,
}

impl Example {
    /// `sql-server-to-parquet-blob/pipeline/CopyOrders.json`.
    pub(crate) fn new(pipeline: &str) -> Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipeline-specs/examples");
        Self::at(|_| examples.join(pipeline).canonicalize().expect("an example"))
    }

    /// A factory that the test defines.
    pub(crate) fn blank() -> Self {
        Self::at(|home| home.join("factory/pipeline/Copy.json"))
    }

    fn at(pipeline: impl FnOnce(&Path) -> PathBuf) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::write(home.path().join("authorities.pem"), "").expect("a writable folder");
        let pipeline = pipeline(home.path());
        Self { home, pipeline, parameters: Vec::new(), secrets: Map::new(), always: Vec::new() }
    }

    /// Writes a definition of a blank factory: `linkedService/From` and its properties.
    pub(crate) fn define(&self, name: &str, properties: &Value) {
        let file = self.path("factory").join(name).with_extension("json");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        let short = name.rsplit('/').next().expect("a name");
        let text = json!({ "name": short, "properties": properties }).to_string();
        fs::write(file, text).expect("a writable folder");
    }

    /// Arguments of every process from now on.
    pub(crate) fn always(&mut self, arguments: &[&str]) {
        self.always.extend(arguments.iter().map(|it| (*it).to_owned()));
    }

    /// Works from now on with a copy of the factory in which one definition, `linkedService/LS_Odbc`, is changed.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let copy = self.path("factory");
        if !copy.exists() {
            let original = self.pipeline.ancestors().nth(2).expect("a factory");
            let status = Command::new("cp").arg("-r").arg(original).arg(&copy).status().expect("cp is installed");
            assert!(status.success(), "{} cannot be copied", original.display());
            let inside = self.pipeline.strip_prefix(original).expect("a file of the factory").to_owned();
            self.pipeline = copy.join(inside);
        }
        let file = copy.join(name).with_extension("json");
        let mut definition: Value = serde_json::from_slice(&fs::read(&file).expect("a definition")).expect("JSON");
        change(&mut definition["properties"]);
        fs::write(file, definition.to_string()).expect("a writable folder");
    }

    /// Gives a parameter; the last value counts.
    pub(crate) fn give(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(own, _)| own != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// Gives a secret.
    pub(crate) fn secret(&mut self, service: &str, property: &str, value: &str) {
        self.secrets.insert(service.to_owned(), json!({ property: value }));
        let file = self.path("secrets.json");
        fs::write(&file, Value::Object(self.secrets.clone()).to_string()).expect("a writable folder");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("our own file");
    }

    /// Trusts one more authority.
    pub(crate) fn trust(&self, pem: &str) {
        let file = self.path("authorities.pem");
        let known = fs::read_to_string(&file).expect("our own file");
        if !known.contains(pem) {
            fs::write(file, known + pem).expect("a writable folder");
        }
    }

    /// A path in the example's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `ropeway run` under this id, to its end.
    pub(crate) fn run(&self, id: &str) -> Finished {
        self.run_with(id, &[])
    }

    /// The same with more arguments.
    pub(crate) fn run_with(&self, id: &str, more: &[&str]) -> Finished {
        self.said(self.run_command(id).args(more).output().expect("the binary starts"))
    }

    /// `ropeway resume` with nothing but the id and the state folder, to its end.
    pub(crate) fn resume(&self, id: &str) -> Finished {
        self.said(self.resume_command(id).output().expect("the binary starts"))
    }

    /// `run`, or `resume` once the run has left a record; it goes on in the background.
    pub(crate) fn start(&self, id: &str) -> Child {
        self.run_or_resume(id).spawn().expect("the binary starts")
    }

    /// `resume --take-over`; it goes on in the background.
    pub(crate) fn take_over(&self, id: &str) -> Child {
        self.resume_command(id).arg("--take-over").spawn().expect("the binary starts")
    }

    /// The same as the last arguments of another program.
    pub(crate) fn start_under(&self, program: &str, arguments: &[String], id: &str) -> Child {
        let own = self.run_or_resume(id);
        let mut command = Command::new(program);
        command.args(arguments).arg(own.get_program()).args(own.get_args());
        self.surround(&mut command).spawn().expect("the program is installed")
    }

    /// What a process said: no secret is in it.
    pub(crate) fn said(&self, output: std::process::Output) -> Finished {
        let said = finished(output);
        for (service, secrets) in &self.secrets {
            for secret in secrets.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str) {
                let printed = said.stdout.contains(secret) || said.stderr.contains(secret);
                assert!(!printed, "the secret of {service} was printed:\n{}\n{}", said.stdout, said.stderr);
            }
        }
        said
    }

    fn run_or_resume(&self, id: &str) -> Command {
        let recorded = self.path("state/runs").join(id).join("run.json").exists();
        if recorded { self.resume_command(id) } else { self.run_command(id) }
    }

    fn run_command(&self, id: &str) -> Command {
        let mut command = self.command("run");
        command.arg(&self.pipeline).args(["--run-id", id]);
        for (name, value) in &self.parameters {
            command.arg("-p").arg(format!("{name}={value}"));
        }
        if !self.secrets.is_empty() {
            command.arg("--secrets").arg(self.path("secrets.json"));
        }
        command.arg("--ca-bundle").arg(self.path("authorities.pem"));
        command
    }

    fn resume_command(&self, id: &str) -> Command {
        let mut command = self.command("resume");
        command.arg(id);
        command
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary());
        command.arg(name).args(["--progress", "none", "--output", "json", "--state"]).arg(self.path("state"));
        command.args(&self.always);
        self.surround(&mut command);
        command
    }

    /// Nothing of our environment but the path; a home of its own.
    fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }
}
