//! The two clients, connected to a stand-in with its certificate verified.

use mssql_tds::connection::client_context::ClientContext;
use mssql_tds::connection::tds_client::TdsClient;
use mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use mssql_tds::core::{EncryptionOptions, EncryptionSetting};
use ropeway_tests::sql_server::Server;
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

pub(crate) type Tiberius = tiberius::Client<Compat<TcpStream>>;

pub(crate) const PASSWORD: &str = "Ropeway-1!";

/// Settings that trust the authority of this server and nobody else.
pub(crate) fn settings(server: &Server) -> tiberius::Config {
    let mut config = tiberius::Config::new();
    config.host("localhost");
    config.port(server.port());
    config.database("sales");
    config.authentication(tiberius::AuthMethod::sql_server("sa", PASSWORD));
    config.encryption(tiberius::EncryptionLevel::Required);
    let folder = tempfile::tempdir().unwrap().keep();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &server.ca_pem).unwrap();
    config.trust_cert_ca(ca.display().to_string());
    config
}

pub(crate) async fn open(config: tiberius::Config) -> tiberius::Result<Tiberius> {
    let tcp = TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    tiberius::Client::connect(config, tcp.compat_write()).await
}

pub(crate) async fn tiberius(server: &Server) -> Tiberius {
    open(settings(server)).await.unwrap()
}

/// Microsoft's client.
pub(crate) async fn microsoft(server: &Server, packet_size: u16) -> TdsClient {
    let place = format!("tcp:localhost,{}", server.port());
    let mut context = ClientContext::with_data_source(&place);
    context.user_name = "sa".to_owned();
    context.password = PASSWORD.to_owned();
    context.database = "sales".to_owned();
    context.packet_size = packet_size;
    context.encryption_options = EncryptionOptions {
        mode: EncryptionSetting::Required,
        trust_server_certificate: true,
        ..EncryptionOptions::default()
    };
    TdsConnectionProvider::new().create_client(context, &place, None).await.unwrap()
}

/// The number of an error that the server sent.
pub(crate) fn number(error: &tiberius::error::Error) -> u32 {
    match error {
        tiberius::error::Error::Server(token) => token.code(),
        other => panic!("not an error of the server: {other}"),
    }
}

/// The number of the error with which a batch fails.
pub(crate) async fn failure(client: &mut Tiberius, batch: &str) -> u32 {
    let error = match client.simple_query(batch).await {
        Err(error) => error,
        Ok(stream) => stream.into_results().await.expect_err(batch),
    };
    number(&error)
}

/// The first column of the first result.
pub(crate) async fn texts(client: &mut Tiberius, batch: &str) -> Vec<String> {
    let rows = client.simple_query(batch).await.unwrap().into_first_result().await.unwrap();
    rows.iter().map(|row| row.get::<&str, _>(0).unwrap_or("NULL").to_owned()).collect()
}

/// Runs a batch that must go well.
pub(crate) async fn run(client: &mut Tiberius, batch: &str) {
    let done = match client.simple_query(batch).await {
        Ok(stream) => stream.into_results().await.map(drop),
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| panic!("{batch}: {error}"));
}

/// The first value of the first row, an `int`.
pub(crate) async fn int(client: &mut Tiberius, batch: &str) -> Option<i32> {
    let row = client.simple_query(batch).await.unwrap().into_row().await.unwrap().expect(batch);
    row.get(0)
}
