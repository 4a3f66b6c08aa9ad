//! Tokens of trust between us and our contacts.

use std::sync::Arc;

use wa_proto::jid::Jid;
use wa_proto::messaging::addressing::Names;
use wa_proto::messaging::token::{self, StanzaToken, TokenTiming, TrustedToken};
use wa_proto::stanza::privacy_token::IssueToken;

use super::account::Account;
use super::link::{End, Job};
use super::port::Port;
use super::records::put_tokens;
use crate::error::QueryError;
use crate::store::{Changes, StoreError};

/// The token that goes with a message to `recipient`, if there is a good one.
pub(super) async fn for_message(account: &Account, recipient: &Names) -> Result<Option<StanzaToken>, StoreError> {
    let Some(name) = addressee(recipient) else { return Ok(None) };
    let tokens = account.records.tokens(name).await?;
    let now = account.now_seconds();
    Ok(token::choose(&tokens, None, recipient.lid(), TokenTiming::default(), now))
}

/// Keeps tokens that a contact issued to us.
pub(super) async fn keep(
    account: &Account,
    contact: &Names,
    received: Vec<TrustedToken>,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let Some(name) = addressee(contact) else { return Ok(()) };
    let mut tokens = account.records.tokens(name).await?;
    let mut is_new = false;
    for token in received {
        is_new |= tokens.receive(token);
    }
    if is_new {
        put_tokens(changes, name, &tokens);
    }
    Ok(())
}

/// Issues our token to a contact after a message to it, if one is due.
pub(super) fn issue_after_send(account: Arc<Account>, port: Port, contact: Names) -> Job {
    Box::pin(async move {
        match issue_if_due(&account, &port, &contact).await {
            Err(QueryError::Store(error)) => Err(End::from_store(&error)),
            Err(error) => {
                tracing::debug!(%error, "our token was not issued");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    })
}

async fn issue_if_due(account: &Account, port: &Port, contact: &Names) -> Result<(), QueryError> {
    let Some(name) = addressee(contact) else { return Ok(()) };
    let now = account.now_seconds();
    let tokens = account.records.tokens(name).await?;
    if !TokenTiming::default().must_issue(tokens.issued_at, now) {
        return Ok(());
    }
    let Some(_begun) = account.issuing.begin(name) else { return Ok(()) };
    let issue = IssueToken { to: name.clone(), timestamp: now };
    let answer = port.ask(move |id| issue.to_iq(id), |node| Ok(IssueToken::parse_answer(node)));
    let received = answer.await?;
    let mut vault = account.vault().await?;
    let mut tokens = account.records.tokens(name).await?;
    tokens.mark_issued(now);
    for token in received {
        tokens.receive(token);
    }
    let mut changes = Changes::new();
    put_tokens(&mut changes, name, &tokens);
    Ok(vault.commit(changes).await?)
}

/// Issues our token again after a contact's identity changed, if it was given one that is still good.
pub(super) fn reissue(account: Arc<Account>, port: Port, contact: Names) -> Job {
    Box::pin(async move {
        let Some(name) = addressee(&contact) else { return Ok(()) };
        let tokens = account.records.tokens(name).await;
        let tokens = tokens.map_err(|error| End::from_store(&error))?;
        let timing = TokenTiming::default();
        if let Some(timestamp) = tokens.reissue(timing, account.now_seconds()) {
            let issue = IssueToken { to: name.clone(), timestamp };
            if let Err(error) = port.ask(move |id| issue.to_iq(id), |_| Ok(())).await {
                tracing::debug!(%error, "our token was not issued again");
            }
        }
        Ok(())
    })
}

/// The name under which tokens are kept; nothing for bots and the like, which take none.
fn addressee(contact: &Names) -> Option<&Jid> {
    contact.canonical().filter(|name| token::takes_tokens(name))
}
