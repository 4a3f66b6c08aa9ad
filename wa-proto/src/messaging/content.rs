//! What a decrypted message turns out to be.

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::fields::{MalformedMessage, walk};
use super::plaintext::{CONTEXT_INFO, DEVICE_SENT, INNER_MESSAGE, MessageSecret};
use super::source::{ChatKind, Source};
use crate::jid::Jid;
use crate::proto::{self, ProtocolMessageType};
use crate::stanza::IncomingMessage;

/// `Message.senderKeyDistributionMessage` and the form of it that is ignored.
const SENDER_KEY_FIELDS: [u32; 2] = [2, 15];

/// Deepest nesting of wrappers that is unwrapped for showing.
const MAX_WRAPPERS: usize = 8;

/// A message for the application.
#[derive(Clone)]
#[non_exhaustive]
pub struct Content {
    /// The chat, without device. For copies of our own messages the one the wrapper names.
    pub chat: Jid,
    /// The message, without the wrapper of our own devices.
    pub message: Box<proto::Message>,
    /// The same as bytes: what is stored. Fields that are not known survive here only.
    pub bytes: Vec<u8>,
    /// The secret that later additions to the message are encrypted with.
    pub secret: Option<MessageSecret>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("chat", &self.chat).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Content {
    /// The text to show, if there is any.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        text_of(&self.message)
    }
}

/// What a plaintext is.
#[derive(Debug, Clone)]
pub(super) enum Decoded {
    /// Something for the application.
    Content(Content),
    /// Traffic between the devices of our own account.
    Protocol(Box<proto::ProtocolMessage>),
    /// Nothing but a sender key, or protocol content that its author has no right to send.
    Nothing,
}

/// A decoded plaintext, and the sender key that came in it.
pub(super) struct Decoding {
    pub(super) decoded: Decoded,
    /// A sender key for the group of the stanza.
    pub(super) sender_key: Option<Vec<u8>>,
}

/// Decodes a plaintext and decides what its author may say with it.
pub(super) fn decode(
    plaintext: &[u8],
    message: &IncomingMessage,
    source: &Source,
) -> Result<Decoding, MalformedMessage> {
    let outer = proto::Message::decode(plaintext).map_err(|_| MalformedMessage)?;
    let sender_key = sender_key(&outer, source);
    let (inner, bytes, chat) = match &outer.device_sent_message {
        Some(wrapper) => {
            let chat = destination(wrapper, message, source)?;
            let bytes = unwrap_device_sent(plaintext)?;
            (proto::Message::decode(bytes.as_slice()).map_err(|_| MalformedMessage)?, bytes, chat)
        }
        None => (outer, plaintext.to_vec(), source.chat.clone()),
    };
    if only_sender_keys(&bytes) {
        return Ok(Decoding { decoded: Decoded::Nothing, sender_key });
    }
    let decoded = match inner.protocol_message {
        Some(protocol) if is_between_own_devices(&protocol) => {
            let from_phone = source.author.device() == 0;
            let allowed = source.is_own && (from_phone || !is_from_phone_only(&protocol));
            if allowed { Decoded::Protocol(protocol) } else { Decoded::Nothing }
        }
        protocol_message => {
            let inner = proto::Message { protocol_message, ..inner };
            let info = inner.message_context_info.as_ref();
            let secret = info.and_then(|info| MessageSecret::from_slice(info.message_secret.as_deref()?));
            Decoded::Content(Content { chat, message: Box::new(inner), bytes, secret })
        }
    };
    Ok(Decoding { decoded, sender_key })
}

/// The chat that the wrapper of an own device names. Only our own devices may use it, and it has to
/// agree with the stanza.
fn destination(
    wrapper: &proto::DeviceSentMessage,
    message: &IncomingMessage,
    source: &Source,
) -> Result<Jid, MalformedMessage> {
    if !source.is_own {
        return Err(MalformedMessage);
    }
    let Some(named) = &wrapper.destination_jid else {
        return Ok(source.chat.clone());
    };
    let chat: Jid = named.parse().map_err(|_| MalformedMessage)?;
    let addressees = [message.recipient.as_ref(), message.recipient_other_name.as_ref()];
    let mut addressees = addressees.into_iter().flatten().peekable();
    if addressees.peek().is_some() && !addressees.any(|jid| jid.is_same_account(&chat)) {
        return Err(MalformedMessage);
    }
    Ok(chat.account())
}

/// Takes the message out of a device-sent wrapper, with the context info of the outside put back in
/// unless it has one.
fn unwrap_device_sent(outer: &[u8]) -> Result<Vec<u8>, MalformedMessage> {
    let wrapper = last(outer, DEVICE_SENT)?.ok_or(MalformedMessage)?;
    let mut inner = last(wrapper, INNER_MESSAGE)?.unwrap_or_default().to_vec();
    if let (Some(info), None) = (last(outer, CONTEXT_INFO)?, last(&inner, CONTEXT_INFO)?) {
        encode_key(CONTEXT_INFO, WireType::LengthDelimited, &mut inner);
        encode_varint(info.len() as u64, &mut inner);
        inner.extend_from_slice(info);
    }
    Ok(inner)
}

/// The content of a field; of several the last, as decoders have it.
fn last(bytes: &[u8], number: u32) -> Result<Option<&[u8]>, MalformedMessage> {
    let mut found = None;
    for field in walk(bytes) {
        let field = field?;
        if field.number == number {
            found = field.content.and_then(|content| bytes.get(content));
        }
    }
    Ok(found)
}

/// Whether a message holds nothing but sender keys.
fn only_sender_keys(bytes: &[u8]) -> bool {
    let mut fields = walk(bytes).flatten().peekable();
    let is_empty = fields.peek().is_none();
    !is_empty && fields.all(|field| SENDER_KEY_FIELDS.contains(&field.number) || field.number == CONTEXT_INFO)
}

/// The sender key in a message: taken in group and status stanzas only, and for that chat only.
fn sender_key(message: &proto::Message, source: &Source) -> Option<Vec<u8>> {
    if !matches!(source.chat_kind, ChatKind::Group | ChatKind::Status) {
        return None;
    }
    let distribution = message.sender_key_distribution_message.as_ref()?;
    let group: Jid = distribution.group_id.as_deref()?.parse().ok()?;
    (group == source.chat).then(|| distribution.axolotl_sender_key_distribution_message.clone())?
}

/// Whether this kind of protocol content only counts between the devices of one account.
fn is_between_own_devices(protocol: &proto::ProtocolMessage) -> bool {
    use ProtocolMessageType as Kind;
    let kind = protocol.r#type.and_then(|kind| Kind::try_from(kind).ok());
    matches!(
        kind,
        Some(
            Kind::HistorySyncNotification
                | Kind::AppStateSyncKeyShare
                | Kind::AppStateSyncKeyRequest
                | Kind::InitialSecurityNotificationSettingSync
                | Kind::AppStateFatalExceptionNotification
                | Kind::PeerDataOperationRequestMessage
                | Kind::PeerDataOperationRequestResponseMessage
                | Kind::LidMigrationMappingSync
        )
    )
}

/// Whether only the phone may send it.
fn is_from_phone_only(protocol: &proto::ProtocolMessage) -> bool {
    protocol.r#type == Some(ProtocolMessageType::PeerDataOperationRequestResponseMessage.into())
}

/// The text of a message: what was written, a caption, or the label of a chosen button.
///
/// Looks through the wrappers for disappearing, view-once and edited messages.
#[must_use]
pub fn text_of(message: &proto::Message) -> Option<&str> {
    let message = unwrapped(message);
    let candidates = [
        message.conversation.as_deref(),
        message.extended_text_message.as_ref().and_then(|text| text.text.as_deref()),
        message.image_message.as_ref().and_then(|image| image.caption.as_deref()),
        message.video_message.as_ref().and_then(|video| video.caption.as_deref()),
        message.document_message.as_ref().and_then(|document| document.caption.as_deref()),
        message.buttons_response_message.as_ref().and_then(|reply| reply.selected_display_text.as_deref()),
        message.list_response_message.as_ref().and_then(|reply| reply.title.as_deref()),
        message.template_button_reply_message.as_ref().and_then(|reply| reply.selected_display_text.as_deref()),
    ];
    candidates.into_iter().flatten().find(|text| !text.is_empty())
}

/// The innermost message of nested wrappers.
fn unwrapped(message: &proto::Message) -> &proto::Message {
    let mut message = message;
    for _ in 0..MAX_WRAPPERS {
        let wrappers = [
            &message.ephemeral_message,
            &message.view_once_message,
            &message.view_once_message_v2,
            &message.view_once_message_v2_extension,
            &message.document_with_caption_message,
            &message.edited_message,
        ];
        let inner = wrappers.into_iter().flatten().find_map(|wrapper| wrapper.message.as_deref());
        match inner {
            Some(inner) => message = inner,
            None => break,
        }
    }
    message
}

#[cfg(test)]
mod tests;
