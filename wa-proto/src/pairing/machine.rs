//! The companion's side of pairing as a state machine: one for each connection of a device that is not linked.
//!
//! Does no I/O: stanzas, answers, the user's wish for a code and the time go in, and all that it wants done comes out
//! of [`Pairing::poll`].
//!
//! ```text
//!               pair-device              ┌──── next reference, new secret
//!  Waiting ──────────────────► Open ◄────┘
//!                               │   code wanted ► Requested ► Shown ► Finishing      (beside the QR code)
//!                               │
//!                               ├── valid pair-success ───► Over: linked, then stream error 515 and a login
//!                               ├── invalid pair-success ─► Over: refused
//!                               └── references used up, no code live ─► Over: exhausted
//! ```
//!
//! What the steps check is in [`adv`](super::adv), [`code`](super::code) and [`success`]; the stanzas are in
//! [`stanza::pair`](crate::stanza::pair).

mod code_flow;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use rand::CryptoRng;

pub use self::code_flow::{CODE_LIFE, FINISH_TIMEOUT, MAX_ATTEMPTS};
use self::code_flow::{CodeFlow, Hello};
pub use self::output::{
    CodeEnd, CodeRequestError, PairingChange, PairingEvent, PairingOutput, PairingRequest, PairingStep,
};
use super::adv::AdvSecret;
use super::code::PairingCode;
use super::qr::{QrCode, QrRotation};
use super::success;
use crate::connection::RequestError;
use crate::device::DeviceKeys;
use crate::jid::Jid;
use crate::node::NodeRef;
use crate::payload::ClientProfile;
use crate::stanza::iq::Request as _;
use crate::stanza::pair::{
    CodeNotification, CompanionHello, PairDevice, PairRefusal, PairReply, PairSuccess, PasskeyRequest, SecretRefresh,
};
use crate::stanza::{Ack, Direction};

/// Pairing on one connection; see the [module](self).
///
/// Times are durations since any fixed moment and never go back, as in a
/// [`Connection`](crate::connection::Connection). After each call [`poll`](Self::poll) is to be called until it says
/// [`PairingOutput::Idle`]: nothing else empties the queue, to which a call adds a handful of entries.
pub struct Pairing {
    keys: DeviceKeys,
    profile: ClientProfile,
    only_account: Option<Jid>,
    stage: Stage,
    queue: VecDeque<PairingOutput>,
}

enum Stage {
    Waiting,
    Open { rotation: QrRotation, code: Box<CodeFlow> },
    Over,
}

impl Pairing {
    /// Starts before pair-device has arrived.
    #[must_use]
    pub fn new(keys: DeviceKeys, profile: ClientProfile) -> Self {
        Self { keys, profile, only_account: None, stage: Stage::Waiting, queue: VecDeque::new() }
    }

    /// Refuses to be linked by any other account than this one; its device number does not matter.
    #[must_use]
    pub fn only_account(self, account: &Jid) -> Self {
        Self { only_account: Some(account.account()), ..self }
    }

    /// Tells whether the device is linked or the attempt is over in another way.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Returns the next thing to do; call it until it says [`PairingOutput::Idle`].
    ///
    /// A [`PairingOutput::Persist`] must be durable before the next call: what follows tells the other side that we
    /// will remember it.
    pub fn poll(&mut self) -> PairingOutput {
        self.queue.pop_front().unwrap_or_else(|| PairingOutput::Idle { until: self.deadline() })
    }

    /// Takes a stanza. Returns whether it was about pairing: it is then dealt with, its acknowledgement included.
    ///
    /// The phone's hello of linking by code costs one PBKDF2, about 30 ms.
    pub fn handle_stanza<R: CryptoRng + ?Sized>(&mut self, stanza: NodeRef<'_>, now: Duration, rng: &mut R) -> bool {
        if let Some(pair_device) = PairDevice::read(stanza) {
            self.open(pair_device, now);
        } else if let Some(success) = PairSuccess::read(stanza) {
            match success {
                Ok(success) => self.finish(&success, rng),
                Err(malformed) => self.refuse(&malformed.id, PairRefusal::Internal),
            }
        } else if SecretRefresh::read(stanza).is_some() {
            self.acknowledge(stanza);
            self.refresh_secret(now, rng);
        } else if let Some(said) = CodeNotification::read(stanza) {
            self.acknowledge(stanza);
            // What cannot be read is dropped: the code stays valid for a phone that does better.
            if let Ok(said) = said {
                self.hear_phone(said, now, rng);
            }
        } else if let Some(request) = PasskeyRequest::read(stanza) {
            self.acknowledge(stanza);
            self.emit(PairingEvent::PasskeyRequired(request));
        } else {
            return false;
        }
        true
    }

    /// Does what is due at `now`; to be called when the time of [`PairingOutput::Idle`] has come. Earlier is harmless.
    pub fn timed_out<R: CryptoRng + ?Sized>(&mut self, now: Duration, rng: &mut R) {
        let Stage::Open { rotation, code } = &mut self.stage else {
            return;
        };
        let has_moved = rotation.advance(now);
        let ended = code.expire(now);
        if let Some(end) = ended {
            // The phone may have kept a bundle that it will never use; its secret is not to be trusted any more.
            if end == CodeEnd::PhoneSilent {
                self.replace_secret(AdvSecret::generate(rng));
                self.show();
            }
            self.emit(PairingEvent::CodeEnded(end));
        }
        if has_moved {
            self.show();
        }
        self.close_if_exhausted();
    }

    /// Shows a code for the phone with this number, beside the QR code. Costs one PBKDF2, about 30 ms.
    ///
    /// The code is made up unless one is given; it is to be shown when [`PairingEvent::Code`] comes, because the server
    /// may still refuse. `notify` asks the phone for a notification that leads to the place where the code is typed.
    ///
    /// # Errors
    ///
    /// [`CodeRequestError`]: nothing was sent.
    pub fn request_code<R: CryptoRng + ?Sized>(
        &mut self,
        phone: &str,
        chosen: Option<PairingCode>,
        notify: bool,
        now: Duration,
        rng: &mut R,
    ) -> Result<(), CodeRequestError> {
        let Stage::Open { code, .. } = &mut self.stage else {
            return Err(CodeRequestError::NotOpen);
        };
        if code.is_live() {
            return Err(CodeRequestError::CodeIsLive);
        }
        let phone = phone_jid(phone).ok_or(CodeRequestError::MalformedNumber)?;
        let chosen = chosen.unwrap_or_else(|| PairingCode::generate(rng));
        let half = code.begin(chosen, phone.clone(), now, rng);
        let hello = CompanionHello {
            phone,
            notify,
            ephemeral: half.wrapped().clone(),
            noise: *self.keys.noise.public(),
            client_type: Some(self.profile.client_type()),
            display_name: self.profile.display_name(),
        };
        self.queue.push_back(PairingOutput::Request(PairingRequest::Hello(hello)));
        Ok(())
    }

    /// Takes the answer to a [`PairingOutput::Request`].
    pub fn handle_response(&mut self, step: PairingStep, answer: Result<NodeRef<'_>, RequestError>) {
        let Stage::Open { code, .. } = &mut self.stage else {
            return;
        };
        let answered = match step {
            PairingStep::Hello => match answer {
                Ok(answer) => match CompanionHello::read_answer(answer) {
                    Ok(reference) => {
                        code.show(reference).map(|(code, valid_until)| PairingEvent::Code { code, valid_until })
                    }
                    Err(_) => code.end(CodeEnd::NoReference).map(PairingEvent::CodeEnded),
                },
                Err(error) => code.end(CodeEnd::Refused(error)).map(PairingEvent::CodeEnded),
            },
            PairingStep::Finish => {
                answer.err().and_then(|error| code.end(CodeEnd::Refused(error))).map(PairingEvent::CodeEnded)
            }
        };
        self.queue.extend(answered.map(PairingOutput::Event));
        self.close_if_exhausted();
    }

    fn open(&mut self, pair_device: PairDevice, now: Duration) {
        self.queue.push_back(PairingOutput::Transmit(pair_device.acknowledgement()));
        let rotation = QrRotation::new(pair_device.references, now);
        match &mut self.stage {
            Stage::Waiting => self.stage = Stage::Open { rotation, code: Box::new(CodeFlow::Idle) },
            // The server may send fresh references on a connection that stays open; a live code goes on.
            Stage::Open { rotation: current, .. } => *current = rotation,
            Stage::Over => return,
        }
        self.show();
        self.close_if_exhausted();
    }

    fn finish<R: CryptoRng + ?Sized>(&mut self, success: &PairSuccess, rng: &mut R) {
        if self.is_over() {
            return;
        }
        let linked = match success::verify(success, &self.keys) {
            Ok(verified) if self.only_account.as_ref().is_none_or(|only| *only == verified.account()) => {
                verified.accept(rng)
            }
            Ok(_) => return self.refuse(&success.id, PairRefusal::Internal),
            Err(refusal) => return self.refuse(&success.id, refusal),
        };
        self.stage = Stage::Over;
        let reply = linked.reply().clone();
        let event = PairingEvent::Linked { jid: success.jid.clone(), lid: success.lid.clone() };
        self.queue.push_back(PairingOutput::Persist(PairingChange::Linked(Box::new(linked))));
        self.queue.push_back(PairingOutput::Transmit(reply));
        self.emit(event);
    }

    fn refuse(&mut self, id: &str, refusal: PairRefusal) {
        if self.is_over() {
            return;
        }
        self.stage = Stage::Over;
        self.queue.push_back(PairingOutput::Transmit(PairReply::refused(refusal).to_node(id)));
        self.emit(PairingEvent::Refused(refusal));
        self.queue.push_back(PairingOutput::Disconnect);
    }

    fn refresh_secret<R: CryptoRng + ?Sized>(&mut self, now: Duration, rng: &mut R) {
        match &self.stage {
            // The phone is about to answer under the present secret.
            Stage::Open { code, .. } if code.is_finishing(now) => {}
            Stage::Waiting | Stage::Open { .. } => {
                self.replace_secret(AdvSecret::generate(rng));
                self.show();
            }
            Stage::Over => {}
        }
    }

    fn hear_phone<R: CryptoRng + ?Sized>(&mut self, said: CodeNotification, now: Duration, rng: &mut R) {
        let Stage::Open { code, .. } = &mut self.stage else {
            return;
        };
        match said {
            CodeNotification::PrimaryHello { reference, ephemeral, identity } => {
                let hello = Hello { reference: &reference, ephemeral: &ephemeral, identity: &identity };
                let Some((finish, secret)) = code.answer(&hello, &self.keys.identity, now, rng) else {
                    return;
                };
                self.replace_secret(secret);
                self.queue.push_back(PairingOutput::Request(PairingRequest::Finish(finish)));
                // A scan of the QR code must be answered under the new secret too.
                self.show();
            }
            CodeNotification::RefreshCode { reference, is_forced_manual } => {
                if code.is_about(&reference) {
                    let end = code.end(CodeEnd::RefreshWanted { ask_user: is_forced_manual });
                    self.queue.extend(end.map(|end| PairingOutput::Event(PairingEvent::CodeEnded(end))));
                    self.close_if_exhausted();
                }
            }
        }
    }

    fn replace_secret(&mut self, secret: AdvSecret) {
        self.keys.adv_secret = secret.clone();
        self.queue.push_back(PairingOutput::Persist(PairingChange::AdvSecret(secret)));
    }

    /// Draws the QR code that is valid now, if there is one.
    fn show(&mut self) {
        let Stage::Open { rotation, .. } = &self.stage else {
            return;
        };
        let shown = rotation.current().map(|(reference, valid_until)| PairingEvent::Qr {
            code: QrCode {
                reference: reference.to_owned(),
                noise: *self.keys.noise.public(),
                identity: *self.keys.identity.public(),
                adv_secret: self.keys.adv_secret.clone(),
                client_type: Some(self.profile.client_type()),
            },
            valid_until,
        });
        self.queue.extend(shown.map(PairingOutput::Event));
    }

    /// Gives up once nothing is left that a phone could answer to.
    fn close_if_exhausted(&mut self) {
        if let Stage::Open { rotation, code } = &self.stage
            && rotation.current().is_none()
            && !code.is_live()
        {
            self.stage = Stage::Over;
            self.emit(PairingEvent::Exhausted);
            self.queue.push_back(PairingOutput::Disconnect);
        }
    }

    fn acknowledge(&mut self, notification: NodeRef<'_>) {
        // Without an id there is nothing to acknowledge.
        let ack = Ack::answer(notification, &Jid::SERVER).ok();
        self.queue.extend(ack.map(|ack| PairingOutput::Transmit(ack.to_node(Direction::Up))));
    }

    fn emit(&mut self, event: PairingEvent) {
        self.queue.push_back(PairingOutput::Event(event));
    }

    fn deadline(&self) -> Option<Duration> {
        let Stage::Open { rotation, code } = &self.stage else {
            return None;
        };
        let reference = rotation.current().map(|(_, until)| until);
        [reference, code.deadline()].into_iter().flatten().min()
    }
}

impl fmt::Debug for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairing").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}

/// Reads an international number: digits only, 7 to 15 of them, no leading zero.
fn phone_jid(number: &str) -> Option<Jid> {
    let is_international = (7..=15).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|digit| digit.is_ascii_digit());
    is_international.then(|| Jid::pn(number))
}
