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
