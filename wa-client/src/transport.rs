//! The WebSocket under a connection.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::ORIGIN;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::either::Either;

use crate::endpoint::Endpoint;

/// Longest wait for TCP, TLS and the upgrade together. Source: observed (the official web client).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the socket to take what is written, and for a close to be answered.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// What an idle connection holds for reading; a longer frame makes it grow for a while.
const READ_BUFFER: usize = 2 * 1024;
/// Larger messages end the connection; a frame has at most 2²⁴ − 1 bytes.
const MAX_MESSAGE: usize = 20 * 1024 * 1024;

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// An open WebSocket that carries bytes; where its messages begin and end has no meaning.
pub(crate) struct Transport {
    socket: WebSocketStream<Stream>,
}

impl Transport {
    /// Connects to `endpoint` and upgrades.
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Self, TransportError> {
        tokio::time::timeout(CONNECT_TIMEOUT, Self::connect_unhurried(endpoint))
            .await
            .map_err(|_| TransportError::TimedOut)?
    }

    async fn connect_unhurried(endpoint: &Endpoint) -> Result<Self, TransportError> {
        let tcp = TcpStream::connect(endpoint.address()).await.map_err(TransportError::Connect)?;
        tcp.set_nodelay(true).map_err(TransportError::Connect)?;
        let stream = match endpoint.tls() {
            None => Either::Left(tcp),
            Some((config, name)) => {
                let tls = TlsConnector::from(config).connect(name, tcp).await;
                Either::Right(Box::new(tls.map_err(TransportError::Tls)?))
            }
        };
        let mut request = endpoint.url().into_client_request().map_err(TransportError::websocket)?;
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static("https://web.whatsapp.com"));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let (socket, _) =
            client_async_with_config(request, stream, Some(config)).await.map_err(TransportError::websocket)?;
        Ok(Self { socket })
    }

    /// Waits for the next bytes. Safe to drop and call again: nothing is lost.
    pub(crate) async fn receive(&mut self) -> Result<Bytes, TransportError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                // The socket answers pings by itself, and text has no meaning in this protocol.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Err(TransportError::Closed),
                Some(Err(error)) => return Err(TransportError::websocket(error)),
            }
        }
    }

    /// Writes `bytes` as one message. After an error the connection is unusable: the cipher's
    /// counter can be neither reused nor skipped.
    pub(crate) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), TransportError> {
        tokio::time::timeout(WRITE_TIMEOUT, self.socket.send(Message::binary(bytes)))
            .await
            .map_err(|_| TransportError::TimedOut)?
            .map_err(TransportError::websocket)
    }

    /// Says goodbye, if the peer still listens.
    pub(crate) async fn close(mut self) {
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.close(None)).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::debug!("the connection was closed without a goodbye");
        }
    }
}

/// Why there is no connection, or no longer one. All of it may pass: try again later.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The name does not resolve, or nobody accepts connections there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The server's TLS certificate is not trusted, or TLS failed otherwise.
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    /// The server refused the upgrade to a WebSocket.
    #[error("the server answered the upgrade with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// Connecting or writing took too long.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The peer closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The socket broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
}

impl TransportError {
    fn websocket(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Self::Closed,
            tungstenite::Error::Io(source) => Self::Broken(source),
            tungstenite::Error::Http(response) => Self::Refused { status: response.status().as_u16() },
            other @ (tungstenite::Error::Tls(_)
            | tungstenite::Error::Capacity(_)
            | tungstenite::Error::Protocol(_)
            | tungstenite::Error::WriteBufferFull(_)
            | tungstenite::Error::Utf8(_)
            | tungstenite::Error::AttackAttempt
            | tungstenite::Error::Url(_)
            | tungstenite::Error::HttpFormat(_)) => Self::Broken(io::Error::other(other)),
        }
    }
}
