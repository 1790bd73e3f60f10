//! How much strangers can take: connections, time, headers; and how a listener ends.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;

/// Holds the requests of `/wait` back.
#[derive(Default)]
struct Gate {
    /// One has come.
    come: Notify,
    /// One may go on.
    go: Notify,
}

/// A greeter that also has `/wait`, which answers once it may.
fn waiter(gate: &Arc<Gate>) -> Router {
    let gate = Arc::clone(gate);
    let wait = move || async move {
        gate.come.notify_one();
        gate.go.notified().await;
        "done"
    };
    greeter().route("/wait", get(wait))
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Sends a request and reads its answer.
async fn greeted(client: &mut Client<TcpStream>) -> bool {
    client.send(GET_AND_STAY).await;
    client.until(b"hello").await.ends_with("hello")
}

#[tokio::test]
async fn the_one_idle_for_longest_makes_room() {
    let limits = Limits { connections_max: 2, ..LIMITS };
    let serving = serve(None, greeter(), limits);
    let mut first = Client::connect(serving.address()).await;
    assert!(greeted(&mut first).await);
    let mut second = Client::connect(serving.address()).await;
    assert!(greeted(&mut second).await);
    assert!(greeted(&mut first).await);
    let mut third = Client::connect(serving.address()).await;
    assert!(greeted(&mut third).await);
    assert_eq!(second.rest().await, "");
    assert!(greeted(&mut first).await);
}

#[tokio::test]
async fn where_all_are_busy_another_one_is_closed() {
    let gate = Arc::new(Gate::default());
    let limits = Limits { connections_max: 2, ..LIMITS };
    let serving = serve(None, waiter(&gate), limits);
    let mut first = Client::connect(serving.address()).await;
    first.send(WAIT).await;
    gate.come.notified().await;
    let mut second = Client::connect(serving.address()).await;
    assert!(greeted(&mut second).await);
    second.send(WAIT).await;
    gate.come.notified().await;
    for _ in 0..3 {
        let mut third = Client::connect(serving.address()).await;
        assert!(!greeted(&mut third).await);
    }
    gate.go.notify_one();
    assert!(first.until(b"done").await.ends_with("done"));
    let mut third = Client::connect(serving.address()).await;
    assert!(greeted(&mut third).await);
}

#[tokio::test]
async fn hundreds_of_silent_strangers_do_not_keep_anyone_out() {
    let limits = Limits { connections_max: 8, ..LIMITS };
    let serving = serve(None, greeter(), limits);
    let mut strangers = Vec::new();
    for i in 0..300 {
        let mut stranger = Client::connect(serving.address()).await;
        if i % 2 == 0 {
            stranger.send("GET / HT").await;
        }
        strangers.push(stranger);
    }
    let mut client = Client::connect(serving.address()).await;
    assert!(greeted(&mut client).await);
    for stranger in &mut strangers[..292] {
        assert_eq!(stranger.rest().await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_a_while() {
    let made = super::super::tls::self_signed("host-1").unwrap();
    let plain = serve(None, greeter(), LIMITS);
    let secure = serve(Some(made.config), greeter(), LIMITS);
    for serving in [&plain, &secure] {
        for beginning in ["", "GET / HTTP/1.1\r\nhost: loc", "PRI * HTTP/2.0\r\n", "\u{16}\u{3}"] {
            let begun = Instant::now();
            let mut client = Client::connect(serving.address()).await;
            client.send(beginning).await;
            client.rest().await;
            assert!(begun.elapsed() < Duration::from_secs(11), "{beginning:?}");
        }
    }
    let mut client = Client::connect(plain.address()).await;
    assert!(greeted(&mut client).await);
    assert_eq!(client.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_a_while_also_if_its_request_was_long() {
    let gate = Arc::new(Gate::default());
    let serving = serve(None, waiter(&gate), LIMITS);
    let mut client = Client::connect(serving.address()).await;
    client.send(WAIT).await;
    gate.come.notified().await;
    tokio::time::sleep(Duration::from_hours(24)).await;
    gate.go.notify_one();
    assert!(client.until(b"done").await.ends_with("done"));
    let idle_since = Instant::now();
    assert_eq!(client.rest().await, "");
    // The clock is the test's own.
    assert!(idle_since.elapsed() < 2 * LIMITS.idle_max + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_end_is_closed_where_that_has_a_limit() {
    let limits = Limits { busy_max: Some(Duration::from_secs(30)), ..LIMITS };
    let serving = serve(None, waiter(&Arc::default()), limits);
    let mut client = Client::connect(serving.address()).await;
    client.send(WAIT).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn headers_have_a_size_at_most() {
    let serving = serve(None, greeter(), LIMITS);
    let mut client = Client::connect(serving.address()).await;
    let long = "x".repeat(100 << 10);
    client.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\nlong: {long}\r\n\r\n")).await;
    let answer = client.rest().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let mut client = Client::connect(serving.address()).await;
    assert!(greeted(&mut client).await);
}

#[tokio::test]
async fn a_shutdown_waits_for_answers() {
    let gate = Arc::new(Gate::default());
    let serving = serve(None, waiter(&gate), LIMITS);
    let address = serving.address();
    let mut idle = Client::connect(address).await;
    assert!(greeted(&mut idle).await);
    let mut busy = Client::connect(address).await;
    busy.send(WAIT).await;
    gate.come.notified().await;
    let end = tokio::spawn(serving.shutdown(Duration::from_hours(1)));
    assert_eq!(idle.rest().await, "");
    assert!(TcpStream::connect(address).await.is_err());
    gate.go.notify_one();
    let answer = busy.rest().await;
    assert!(answer.ends_with("done"), "{answer}");
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_ever() {
    let gate = Arc::new(Gate::default());
    let serving = serve(None, waiter(&gate), LIMITS);
    let address = serving.address();
    let mut busy = Client::connect(address).await;
    busy.send(WAIT).await;
    gate.come.notified().await;
    serving.shutdown(Duration::from_secs(5)).await;
    assert_eq!(busy.rest().await, "");
    assert!(TcpStream::connect(address).await.is_err());
}

/// Says so when it goes.
struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_an_endless_answer_is_cut() {
    let gone = Arc::new(Notify::new());
    let guard = Guard(Arc::clone(&gone));
    let endless = futures::stream::repeat("x".repeat(64 << 10)).map(move |part| {
        let _held = &guard;
        Ok::<_, std::convert::Infallible>(part)
    });
    let answer = axum::body::Body::from_stream(endless);
    let answer = Arc::new(std::sync::Mutex::new(Some(answer)));
    let service = greeter().route(
        "/endless",
        get(move || {
            let answer = answer.lock().unwrap().take().unwrap();
            async move { answer }
        }),
    );
    let limits = Limits { stalled_max: Duration::from_millis(100), ..LIMITS };
    let serving = serve(None, service, limits);
    let mut client = Client::connect(serving.address()).await;
    client.send("GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    gone.notified().await;
    // What is on its way still comes, and then the end.
    assert!(client.rest().await.starts_with("HTTP/1.1 200 OK"));
    let mut other = Client::connect(serving.address()).await;
    assert!(greeted(&mut other).await);
}
