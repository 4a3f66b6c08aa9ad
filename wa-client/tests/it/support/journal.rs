//! What the server saw.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wa_proto::signal::{PrekeyMessage, SignalMessage};

use super::scene::Scene;

/// Checks that no message key was used for two different texts: of all ciphertexts that `account` sent
/// to a device, those with the same ratchet key and counter are the same bytes. Returns how many
/// keys were used.
pub(crate) async fn no_message_key_was_used_twice(scene: &Scene, account: &str) -> usize {
    let mut used: BTreeMap<(String, [u8; 32], u32), Vec<u8>> = BTreeMap::new();
    for entry in journal(scene, account).await {
        if entry["dir"] == "in" {
            collect(&entry["node"], entry["node"]["attrs"]["to"].as_str().unwrap_or_default(), &mut used);
        }
    }
    used.len()
}

fn collect(node: &Value, to: &str, used: &mut BTreeMap<(String, [u8; 32], u32), Vec<u8>>) {
    let to = node["attrs"]["jid"].as_str().unwrap_or(to);
    if node["tag"] == "enc" {
        let ciphertext = hex::decode(node["bytes"].as_str().unwrap()).unwrap();
        let (ratchet_key, counter) = if node["attrs"]["type"] == "pkmsg" {
            let message = PrekeyMessage::parse(&ciphertext).unwrap();
            (*message.message().ratchet_key().as_bytes(), message.message().counter())
        } else {
            let message = SignalMessage::parse(&ciphertext).unwrap();
            (*message.ratchet_key().as_bytes(), message.counter())
        };
        let before = used.insert((to.to_owned(), ratchet_key, counter), ciphertext.clone());
        assert!(before.is_none_or(|before| before == ciphertext), "a message key was used for two texts");
    }
    for child in node["children"].as_array().into_iter().flatten() {
        collect(child, to, used);
    }
}

async fn journal(scene: &Scene, account: &str) -> Vec<Value> {
    let path = format!("/admin/journal?full=1&tag=message&account={account}&limit=1000000");
    let mut socket = TcpStream::connect(scene.sandbox.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: sandbox\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let journal: Value = serde_json::from_str(body).unwrap();
    journal["entries"].as_array().unwrap().clone()
}
