//! `--metrics-listen`: the counters of the running copies for Prometheus. Reads only, one request at
//! a time, loopback unless an address says otherwise.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ropeway_engine::{
    Error, ErrorKind, Result,
    progress::{Count, Counters},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A request that takes longer, or whose head is longer, is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
const HEAD_BYTES: usize = 8 << 10;

/// The copies whose counters are shown.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Vec<Shown>>>);

/// A copy's activity and its counters.
type Shown = (String, Arc<Counters>);

impl Board {
    /// Shows a copy from now on; a copy that is tried again starts at zero.
    pub(crate) fn add(&self, activity: &str, counters: Arc<Counters>) {
        let mut copies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|(name, _)| name != activity);
        copies.push((activity.to_owned(), counters));
    }

    fn page(&self) -> String {
        let copies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        METRICS.iter().fold(String::new(), |mut page, metric| {
            // Writing to a String cannot fail.
            let _ =
                writeln!(page, "# HELP ropeway_{0} {1}\n# TYPE ropeway_{0} {2}", metric.name, metric.help, metric.kind);
            for (activity, counters) in copies.iter() {
                let label = activity.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = writeln!(
                    page,
                    "ropeway_{}{{activity=\"{label}\"}} {}",
                    metric.name,
                    (metric.count)(counters).get()
                );
            }
            page
        })
    }
}

struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    count: fn(&Counters) -> &Count,
}

const fn total(name: &'static str, help: &'static str, count: fn(&Counters) -> &Count) -> Metric {
    Metric { name, kind: "counter", help, count }
}

const fn now(name: &'static str, help: &'static str, count: fn(&Counters) -> &Count) -> Metric {
    Metric { name, kind: "gauge", help, count }
}

const METRICS: [Metric; 11] = [
    // Rows of an attempt that failed are taken off again, so these two are gauges.
    now("rows_read", "Rows that left the source.", |c| &c.rows_read),
    now("bytes_read", "Arrow bytes that left the source.", |c| &c.bytes_read),
    total("rows_copied_total", "Rows in committed chunks.", |c| &c.rows_copied),
    total("rows_skipped_total", "Rows left out of committed chunks.", |c| &c.rows_skipped),
    total("bytes_written_total", "Bytes stored for committed chunks.", |c| &c.bytes_written),
    now("chunks_planned", "Chunks in the plan.", |c| &c.chunks_planned),
    now("chunks_done", "Chunks committed.", |c| &c.chunks_done),
    now("chunks_open", "Chunks open now.", |c| &c.chunks_open),
    total("retries_total", "Attempts that failed and were tried again.", |c| &c.retries),
    total("source_wait_nanoseconds_total", "Time chunks waited for the source.", |c| &c.source_wait_ns),
    total("sink_wait_nanoseconds_total", "Time chunks waited for the sink.", |c| &c.sink_wait_ns),
];

/// Reads `9187` (on loopback) or `10.0.0.5:9187`.
pub(crate) fn parse(text: &str) -> std::result::Result<SocketAddr, String> {
    match text.parse::<u16>() {
        Ok(port) => Ok((IpAddr::from(Ipv4Addr::LOCALHOST), port).into()),
        Err(_) => text.parse().map_err(|_| "write a port, or an address and a port such as 127.0.0.1:9187".to_owned()),
    }
}

/// Answers until the process ends.
///
/// # Errors
/// [`ErrorKind::Spec`] if the address cannot be listened on.
pub(crate) async fn serve(address: SocketAddr, board: Board) -> Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::new(ErrorKind::Spec, "the metrics address cannot be listened on; choose another with --metrics-listen")
            .with("address", address)
            .caused_by(error)
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are served");
    }
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that goes away or dawdles loses its answer; nobody else does.
            drop(timeout(PATIENCE, answer(stream, &board)).await);
        }
    });
    Ok(())
}

async fn answer(mut stream: TcpStream, board: &Board) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let (status, body) = match head.starts_with(b"GET /metrics ") {
        true => ("200 OK", board.page()),
        false => ("404 Not Found", "ask for GET /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_loopback() {
        assert_eq!(parse("9187"), Ok(SocketAddr::from(([127, 0, 0, 1], 9187))));
        assert_eq!(parse("[::1]:80").map(|address| address.port()), Ok(80));
        assert!(parse("everywhere").is_err());
    }

    #[tokio::test]
    async fn counters_are_served() {
        let board = Board::default();
        let counters = Arc::new(Counters::default());
        counters.rows_copied.add(42);
        board.add("Copy \"it\"", counters);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let asking = tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("reachable");
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("answered");
            text
        });
        let (stream, _) = listener.accept().await.expect("a client");
        answer(stream, &board).await.expect("answered");
        let text = asking.await.expect("no panic");
        assert!(text.contains("ropeway_rows_copied_total{activity=\"Copy \\\"it\\\"\"} 42\n"), "{text}");
    }
}
