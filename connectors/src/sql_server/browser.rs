//! SQL Browser (MC-SQLR): the port that a named instance listens on.

use std::{io, time::Duration};

use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};
use tokio::net::{ToSocketAddrs, UdpSocket, lookup_host};

/// Where SQL Browser listens.
const PORT: u16 = 1_434;
/// CLNT_UCAST_INST: asks for one instance.
const ASK_FOR_INSTANCE: u8 = 0x04;
/// SVR_RESP: the answer's first byte; two bytes of length follow.
const ANSWER: u8 = 0x05;
/// An answer about one instance has 1,024 bytes at most behind its head.
const LARGEST: usize = 3 + 1_024;
/// Datagrams are lost: so often it is asked.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);

/// The TCP port of an instance.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if nobody answers, or the instance is not there or has no TCP.
pub(crate) async fn port_of(host: &str, instance: &str) -> Result<u16> {
    let answer = ask((host, PORT), instance).await.map_err(|error| {
        unknown_port("SQL Browser does not tell the instance's port; start it, open UDP port 1434, or give «server» as host,port")
            .with("server", host)
            .with("instance", instance)
            .caused_by(error)
    })?;
    tcp_port(&answer, instance).ok_or_else(|| {
        unknown_port("SQL Browser knows no TCP port of the instance; check its name and that TCP/IP is enabled for it")
            .with("server", host)
            .with("instance", instance)
    })
}

async fn ask(server: impl ToSocketAddrs, instance: &str) -> io::Result<Vec<u8>> {
    let address = lookup_host(server).await?.next().ok_or(io::ErrorKind::NotFound)?;
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).await?;
    // Only its answers arrive then.
    socket.connect(address).await?;
    let question = [&[ASK_FOR_INSTANCE], instance.as_bytes(), &[0]].concat();
    let mut answer = vec![0; LARGEST];
    for _ in 0..TRIES {
        socket.send(&question).await?;
        if let Ok(received) = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await {
            answer.truncate(received?);
            return Ok(answer);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// The port in `ServerName;H;InstanceName;I;IsClustered;No;Version;16.0;tcp;57137;;`.
fn tcp_port(answer: &[u8], instance: &str) -> Option<u16> {
    let (head, text) = answer.split_at_checked(3)?;
    if head[0] != ANSWER {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let words: Vec<_> = text.split(';').collect();
    let value = |name: &str| words.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(name)).map(|pair| pair[1]);
    value("InstanceName").filter(|name| name.eq_ignore_ascii_case(instance))?;
    value("tcp")?.parse().ok().filter(|port| *port != 0)
}

fn unknown_port(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, message).class(RetryClass::Reconnect).code("SqlFailedToConnect")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Vec<u8> {
        [&[ANSWER], &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
    }

    #[test]
    fn the_port_is_that_of_the_instance() {
        let good = "ServerName;DB1;InstanceName;SALES;IsClustered;No;Version;16.0.1000.6;np;\\\\DB1\\pipe;tcp;57137;;";
        assert_eq!(tcp_port(&answer(good), "sales"), Some(57_137));
        assert_eq!(tcp_port(&answer(good), "other"), None);
        for bad in [
            "",
            ";",
            "tcp;1",
            "InstanceName;sales;tcp;0;;",
            "InstanceName;sales;tcp;70000;;",
            "InstanceName;sales;np;tcp",
        ] {
            assert_eq!(tcp_port(&answer(bad), "sales"), None, "{bad}");
        }
        assert_eq!(tcp_port(&[ANSWER, 0], "sales"), None);
        assert_eq!(tcp_port(&[0x06, 0, 0, b'x'], "sales"), None);
    }

    #[tokio::test]
    async fn the_question_names_the_instance() {
        let browser = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = browser.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let mut question = [0; 64];
            let (length, from) = browser.recv_from(&mut question).await.unwrap();
            browser.send_to(&answer("InstanceName;sales;tcp;1500;;"), from).await.unwrap();
            question[..length].to_vec()
        });
        let told = ask(address, "sales").await.unwrap();
        assert_eq!(answering.await.unwrap(), b"\x04sales\0");
        assert_eq!(tcp_port(&told, "sales"), Some(1_500));
    }
}
