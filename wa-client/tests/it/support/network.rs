//! A network between client and server that can be cut and frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A TCP proxy in front of a server.
pub(crate) struct Network {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    /// Counts connections that were ordered to end.
    epoch: watch::Sender<u64>,
    is_down: AtomicBool,
    is_frozen: AtomicBool,
    /// How many more pieces of data may pass, either way, before everything is cut; negative for
    /// any number.
    pieces_left: AtomicI64,
    connections: watch::Sender<usize>,
}

impl Network {
    /// Listens on a port of its own, in front of `server` (`host:port`).
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            epoch: watch::Sender::new(0),
            is_down: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
            pieces_left: AtomicI64::new(-1),
            connections: watch::Sender::new(0),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    /// Where a client connects instead of the server.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws/chat", self.address)
    }

    /// Ends all connections; new ones are accepted.
    pub(crate) fn cut(&self) {
        self.shared.epoch.send_modify(|epoch| *epoch += 1);
    }

    /// Cuts everything once `pieces` more reads were passed on.
    pub(crate) fn cut_after(&self, pieces: i64) {
        self.shared.pieces_left.store(pieces, Ordering::SeqCst);
    }

    /// Refuses new connections, or stops refusing them.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
        if is_down {
            self.cut();
        }
    }

    /// Passes nothing on any more, without closing anything: a dead but open connection.
    pub(crate) fn freeze(&self) {
        self.shared.is_frozen.store(true, Ordering::SeqCst);
    }

    /// Passes data of new connections on again.
    pub(crate) fn thaw(&self) {
        self.shared.is_frozen.store(false, Ordering::SeqCst);
    }

    /// How many connections were accepted so far.
    pub(crate) fn connections(&self) -> watch::Receiver<usize> {
        self.shared.connections.subscribe()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if shared.is_down.load(Ordering::SeqCst) {
            continue;
        }
        shared.connections.send_modify(|count| *count += 1);
        tokio::spawn(connect(client, Arc::clone(&shared)));
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>) {
    let mut epoch = shared.epoch.subscribe();
    epoch.mark_unchanged();
    let Ok(server) = TcpStream::connect(&shared.server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, &shared) => {}
        () = pass(from_server, to_client, &shared) => {}
        _ = epoch.changed() => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if shared.is_frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let left =
            shared.pieces_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left > 0).then_some(left - 1));
        if left == Err(0) {
            shared.pieces_left.store(-1, Ordering::SeqCst);
            shared.epoch.send_modify(|epoch| *epoch += 1);
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
