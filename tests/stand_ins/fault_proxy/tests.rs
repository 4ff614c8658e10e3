//! Every effect, seen from both ends.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Answers every request, eight bytes, with another eight, and keeps what it was asked.
struct Echo {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<u8>>>,
    /// Sessions that ended.
    ended: Arc<AtomicU64>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (asked, ended) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(AtomicU64::new(0)));
        let (asked_of_all, ended_of_all) = (asked.clone(), ended.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (asked, ended) = (asked_of_all.clone(), ended_of_all.clone());
                tokio::spawn(async move {
                    let mut request = [0; 8];
                    while socket.read_exact(&mut request).await.is_ok() {
                        locked(&asked).extend(request);
                        if socket.write_all(&request.map(|byte| byte.to_ascii_uppercase())).await.is_err() {
                            break;
                        }
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, asked, ended }
    }

    fn asked(&self) -> String {
        String::from_utf8_lossy(&locked(&self.asked)).into_owned()
    }
}

/// Two requests through a proxy with this script: what came back, and how it ended.
async fn talk(script: Script) -> (Echo, String, io::Result<()>, Passage) {
    let echo = Echo::start().await;
    let proxy = FaultProxy::start(echo.address).await;
    proxy.only(0, script);
    let mut socket = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
    let mut answers = Vec::new();
    let outcome = async {
        for request in [b"question", b"and more"] {
            socket.write_all(request).await?;
            let wanted = answers.len() + 8;
            while answers.len() < wanted {
                if socket.read_buf(&mut answers).await? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(())
    }
    .await;
    drop(socket);
    until(|| echo.ended.load(Ordering::SeqCst) == 1).await;
    let passage = proxy.passages()[0];
    (echo, String::from_utf8_lossy(&answers).into_owned(), outcome, passage)
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn kind(outcome: io::Result<()>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

#[tokio::test]
async fn without_a_script_everything_passes() {
    let (echo, answers, outcome, passage) = talk(Script::default()).await;
    assert_eq!(
        (echo.asked().as_str(), answers.as_str(), kind(outcome)),
        ("questionand more", "QUESTIONAND MORE", None)
    );
    assert_eq!(passage, Passage { sent: 16, received: 16, answers: 2 });
}

#[tokio::test]
async fn a_connection_breaks_at_the_very_byte() {
    for byte in 0..16 {
        let (_, answers, outcome, passage) = talk(Script::at(At::Received(byte), Effect::Reset)).await;
        assert_eq!(answers, "QUESTIONAND MORE"[..byte as usize]);
        assert_eq!(kind(outcome), Some(ErrorKind::ConnectionReset), "byte {byte}");
        assert_eq!(passage.received, byte);

        let (_, answers, outcome, _) = talk(Script::at(At::Received(byte), Effect::Close)).await;
        assert_eq!(answers, "QUESTIONAND MORE"[..byte as usize]);
        assert_eq!(kind(outcome), Some(ErrorKind::UnexpectedEof), "byte {byte}");

        let (echo, _, outcome, passage) = talk(Script::at(At::Sent(byte), Effect::Reset)).await;
        assert_eq!(echo.asked(), if byte < 8 { "" } else { "question" });
        assert_eq!((kind(outcome), passage.sent), (Some(ErrorKind::ConnectionReset), byte));
    }
}

#[tokio::test]
async fn a_lost_answer_is_one_to_a_request_that_was_done() {
    let (echo, answers, outcome, passage) = talk(Script::lose_answer(2)).await;
    assert_eq!((echo.asked().as_str(), answers.as_str()), ("questionand more", "QUESTION"));
    assert_eq!((kind(outcome), passage.answers), (Some(ErrorKind::ConnectionReset), 2));
}

#[tokio::test]
async fn a_flipped_bit_is_one_bit() {
    let (_, answers, outcome, _) = talk(Script::at(At::Received(9), Effect::Flip(0))).await;
    assert_eq!((answers.as_str(), kind(outcome)), ("QUESTIONAOD MORE", None));
    let (echo, ..) = talk(Script::at(At::Sent(0), Effect::Flip(5))).await;
    assert_eq!(echo.asked(), "Questionand more");
}

#[tokio::test]
async fn slices_change_no_byte() {
    for seed in 0..20 {
        let (_, answers, outcome, passage) = talk(Script::sliced(3, seed)).await;
        assert_eq!((answers.as_str(), kind(outcome)), ("QUESTIONAND MORE", None));
        assert_eq!((passage.sent, passage.received), (16, 16));
    }
}

#[tokio::test]
async fn a_stall_ends_when_its_time_is_over_or_the_client_leaves() {
    let brief = Effect::Stall(Some(Duration::from_millis(20)));
    let (_, answers, outcome, _) = talk(Script::at(At::Received(4), brief).and(At::Sent(12), brief)).await;
    assert_eq!((answers.as_str(), kind(outcome)), ("QUESTIONAND MORE", None));

    for script in [
        Script::blackhole(),
        Script::at(At::Sent(4), Effect::Stall(None)),
        Script::at(At::Received(4), Effect::Stall(None)),
    ] {
        let echo = Echo::start().await;
        let proxy = FaultProxy::start(echo.address).await;
        proxy.only(0, script.clone());
        let mut socket = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
        socket.write_all(b"question").await.expect("a buffer takes it");
        until(|| proxy.faults() == 1).await;
        let passage = proxy.passages()[0];
        assert_eq!((passage.sent + passage.received) % 4, 0, "{script:?}: {passage:?}");
        drop(socket);
        // The server hears of it: nothing is left behind.
        until(|| echo.ended.load(Ordering::SeqCst) == 1).await;
    }
}

#[tokio::test]
async fn scripts_go_by_the_number_of_the_connection() {
    let echo = Echo::start().await;
    let proxy = FaultProxy::start(echo.address).await;
    let ask = async || {
        let mut socket = TcpStream::connect(proxy.address()).await?;
        socket.write_all(b"question").await?;
        socket.read_exact(&mut [0; 8]).await.map(drop)
    };
    proxy.each(|number| if number % 2 == 1 { Script::at(At::Sent(0), Effect::Reset) } else { Script::default() });
    for number in 0..6 {
        assert_eq!(ask().await.is_err(), number % 2 == 1, "connection {number}");
    }
    assert_eq!((proxy.passages().len(), proxy.faults()), (6, 3));
    proxy.heal();
    assert!(ask().await.is_ok() && proxy.faults() == 3);
}
