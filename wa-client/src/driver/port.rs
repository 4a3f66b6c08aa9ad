//! How the jobs of an account reach its current connection.

use tokio::sync::{mpsc, oneshot};
use wa_proto::connection::Stanza;
use wa_proto::node::{Node, NodeRef, ShapeError};
use wa_proto::stanza::iq::{self, Request, RequestError};

use super::link::Job;
use crate::error::QueryError;

/// Stanzas that wait to be written; a job that has one more waits.
const OUTGOING_QUEUE: usize = 64;

/// A way into one connection. It ends with the connection: then every call fails with
/// [`QueryError::Disconnected`], and the next connection has a port of its own.
#[derive(Clone)]
pub(crate) struct Port {
    outgoing: mpsc::Sender<Outgoing>,
}

/// What a job wants the connection to do.
pub(super) enum Outgoing {
    /// Send a request with an id of its own, and hand the answer back.
    Query { write: Box<dyn FnOnce(&str) -> Node + Send>, reply: oneshot::Sender<Answer> },
    /// Send a stanza.
    Node { node: Box<Node>, written: Option<oneshot::Sender<()>> },
    /// Send a stanza that is encoded already.
    Stanza { bytes: Vec<u8>, written: oneshot::Sender<()> },
    /// Run a job on the connection.
    Job(Job),
}

/// The answer to a request: a result or an error, whichever the server sent.
pub(super) type Answer = Result<Stanza, QueryError>;

impl Port {
    /// Makes a port and the end that its connection serves.
    pub(super) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (outgoing, served) = mpsc::channel(OUTGOING_QUEUE);
        (Self { outgoing }, served)
    }

    /// Sends a typed request and reads its answer.
    pub(super) async fn request<R: Request + Send + 'static>(&self, request: R) -> Result<R::Answer, QueryError> {
        let answer = self.query(move |id| request.to_node(id)).await?;
        Ok(iq::read_response::<R>(answer.tree().root())?)
    }

    /// Sends a request and reads its answer with `read`.
    pub(super) async fn ask<T>(
        &self,
        write: impl FnOnce(&str) -> Node + Send + 'static,
        read: impl FnOnce(NodeRef<'_>) -> Result<T, ShapeError>,
    ) -> Result<T, QueryError> {
        let answer = self.query(write).await?;
        let tree = answer.tree();
        iq::read_response::<Any>(tree.root())?;
        Ok(read(tree.root()).map_err(RequestError::Malformed)?)
    }

    /// Sends a request and returns the answer as it came.
    pub(super) async fn query(&self, write: impl FnOnce(&str) -> Node + Send + 'static) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.put(Outgoing::Query { write: Box::new(write), reply }).await?;
        answer.await.unwrap_or(Err(QueryError::Disconnected))
    }

    /// Sends a stanza; returns when it is written to the socket.
    pub(super) async fn send(&self, node: Node) -> Result<(), QueryError> {
        let written = self.enqueue(node).await?;
        written.await.map_err(|_| QueryError::Disconnected)
    }

    /// Sends a stanza; what is returned resolves when it is written to the socket.
    pub(super) async fn enqueue(&self, node: Node) -> Result<oneshot::Receiver<()>, QueryError> {
        let (written, done) = oneshot::channel();
        self.put(Outgoing::Node { node: Box::new(node), written: Some(written) }).await?;
        Ok(done)
    }

    /// Sends a stanza without waiting until it is written.
    pub(super) async fn post(&self, node: Node) -> Result<(), QueryError> {
        self.put(Outgoing::Node { node: Box::new(node), written: None }).await
    }

    /// Runs a job on the connection; it ends with it. Nothing happens if the connection has ended.
    pub(super) async fn spawn(&self, job: Job) {
        let _ = self.put(Outgoing::Job(job)).await;
    }

    /// Sends an encoded stanza; returns when it is written to the socket.
    pub(super) async fn send_encoded(&self, bytes: Vec<u8>) -> Result<(), QueryError> {
        let (written, done) = oneshot::channel();
        self.put(Outgoing::Stanza { bytes, written }).await?;
        done.await.map_err(|_| QueryError::Disconnected)
    }

    /// Whether the connection is over.
    pub(super) fn has_ended(&self) -> bool {
        self.outgoing.is_closed()
    }

    /// Whether both are of the same connection.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.outgoing.same_channel(&other.outgoing)
    }

    async fn put(&self, outgoing: Outgoing) -> Result<(), QueryError> {
        self.outgoing.send(outgoing).await.map_err(|_| QueryError::Disconnected)
    }
}

/// Any answer that is no error will do.
struct Any;

impl Request for Any {
    type Answer = ();

    fn to_node(&self, id: &str) -> Node {
        iq::request(id, iq::Kind::Get, "")
    }

    fn read_answer(_: NodeRef<'_>) -> Result<(), ShapeError> {
        Ok(())
    }
}

impl From<RequestError> for QueryError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(refusal) => Self::Refused { code: refusal.code, backoff: refusal.backoff },
            RequestError::Malformed(_) | _ => Self::Malformed,
        }
    }
}
