//! What is spoken: HTTP/1.1 and HTTP/2, in the clear and over TLS, and what strangers hear who speak
//! something else.

use super::super::tls;
use super::*;

/// The beginning of an HTTP/2 connection with `GET /` of localhost as its first stream.
fn http2_request() -> Vec<u8> {
    let block = b"\x82\x87\x84\x41\x09localhost";
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

#[tokio::test]
async fn http_1_and_2_in_the_clear() {
    let serving = serve(None, greeter(), LIMITS);
    let mut client = Client::connect(serving.address()).await;
    client.send(GET_AND_STAY).await;
    assert!(client.until(b"hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
    client.send(GET).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");

    let mut client = Client::connect(serving.address()).await;
    client.send(http2_request()).await;
    assert!(client.until(b"hello").await.ends_with("hello"));
}

#[tokio::test]
async fn http_1_and_2_over_tls_with_a_certificate_of_its_own_making() {
    let made = tls::self_signed("host-1").unwrap();
    let serving = serve(Some(made.config), greeter(), LIMITS);
    for name in ["localhost", "127.0.0.1", "::1", "host-1"] {
        let client = Client::connect(serving.address()).await;
        let mut client = client.over_tls(&made.certificate_pem, name, "http/1.1").await.unwrap();
        client.send(GET).await;
        assert!(client.rest().await.ends_with("hello"), "{name}");
    }
    let client = Client::connect(serving.address()).await;
    let mut client = client.over_tls(&made.certificate_pem, "localhost", "h2").await.unwrap();
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    client.send(http2_request()).await;
    assert!(client.until(b"hello").await.ends_with("hello"));

    let client = Client::connect(serving.address()).await;
    let error = client.over_tls(&made.certificate_pem, "elsewhere", "h2").await.err().unwrap();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn strangers_hear_what_is_wrong_or_nothing() {
    let plain = serve(None, greeter(), LIMITS);
    let made = tls::self_signed("host-1").unwrap();
    let secure = serve(Some(made.config), greeter(), LIMITS);

    let mut client = Client::connect(secure.address()).await;
    client.send(GET).await;
    assert_eq!(
        client.rest().await,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
    let hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    let garbage: [&[u8]; 4] = [&hello, &[0xff; 100], &[0; 9], b"\x16\x03\x01\xff\xff"];
    for bytes in garbage {
        for (serving, may_answer) in [(&plain, "HTTP/1.1 400 Bad Request"), (&secure, "")] {
            let mut client = Client::connect(serving.address()).await;
            client.send(bytes).await;
            client.0.shutdown().await.unwrap();
            let answer = client.rest().await;
            assert!(answer.is_empty() || may_answer.is_empty() || answer.starts_with(may_answer));
        }
    }
    let mut client = Client::connect(plain.address()).await;
    client.send(GET).await;
    assert!(client.rest().await.ends_with("hello"));
    let client = Client::connect(secure.address()).await;
    client.over_tls(&made.certificate_pem, "localhost", "h2").await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_the_other_family_works() {
    let first = Listener::bind(LOOPBACK.parse().unwrap()).unwrap();
    let error = Listener::bind(first.address()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let Ok(listener) = Listener::bind("[::1]:0".parse().unwrap()) else { return };
    let serving = listener.serve(None, greeter(), LIMITS).unwrap();
    let mut client = Client::connect(serving.address()).await;
    client.send(GET).await;
    assert!(client.rest().await.ends_with("hello"));
}

#[tokio::test]
async fn a_panic_ends_one_connection() {
    async fn fall() -> &'static str {
        panic!("on purpose")
    }
    let serving = serve(None, greeter().route("/fall", get(fall)), LIMITS);
    let mut client = Client::connect(serving.address()).await;
    client.send("GET /fall HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(client.rest().await, "");
    let mut client = Client::connect(serving.address()).await;
    client.send(GET).await;
    assert!(client.rest().await.ends_with("hello"));
}
