//! Runs the SQL Server stand-in by hand: `cargo run -p ropeway-tests --example sql_server -- --port 14333 --cert-dir DIR
//! [--script FILE.sql]`. The certificate of its authority is written to `DIR/ca.pem`; the script prepares the database `sales`.

use ropeway_tests::sql_server::{BoxError, Options, Server};

#[expect(clippy::print_stdout, reason = "tells the person who started it how to connect")]
fn main() -> Result<(), BoxError> {
    let (mut port, mut folder, mut script) = (0, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--port" => port = value.parse()?,
            "--cert-dir" => folder = Some(value),
            "--script" => script = Some(value),
            _ => return Err(format!("unknown option {argument}; known are --port, --cert-dir, --script").into()),
        }
    }
    let server = Server::start_with(Options { port, ..Options::default() })?;
    if let Some(folder) = folder {
        std::fs::write(std::path::Path::new(&folder).join("ca.pem"), &server.ca_pem)?;
    }
    if let Some(script) = script {
        server.execute("sales", &std::fs::read_to_string(script)?)?;
    }
    println!("{}", server.connection_string());
    loop {
        std::thread::park();
    }
}
