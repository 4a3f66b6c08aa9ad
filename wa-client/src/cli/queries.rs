//! `check` and `devices`: questions to the server.

use wa_proto::jid::Jid;

use super::args::{Check, Devices};
use super::failure::{Failure, Kind};
use super::output::Line;
use super::{Context, session};

/// Tells which numbers are on WhatsApp.
pub(super) async fn check(context: &Context<'_>, arguments: &Check) -> Result<(), Failure> {
    let patience = arguments.patience.timeout();
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, _events) = session::online(context.global, &store, patience).await?;
    let numbers: Vec<&str> = arguments.numbers.iter().map(String::as_str).collect();
    let answer = client.check_numbers(&numbers).await;
    client.shutdown().await;
    for (input, checked) in arguments.numbers.iter().zip(answer?) {
        context.printer.print(&Line::Number {
            input: input.clone(),
            jid: checked.jid.as_ref().map(Jid::to_string),
            exists: checked.exists,
            lid: checked.lid.as_ref().map(Jid::to_string),
        })?;
    }
    Ok(())
}

/// Lists the devices of an account.
pub(super) async fn devices(context: &Context<'_>, arguments: &Devices) -> Result<(), Failure> {
    let of = match &arguments.number {
        None => None,
        Some(number) => {
            let digits: String = number.chars().filter(char::is_ascii_digit).collect();
            if !(7..=15).contains(&digits.len()) {
                let message = "the number is not an international phone number";
                return Err(Failure::message(Kind::Usage, message));
            }
            Some(Jid::pn(&digits))
        }
    };
    let patience = arguments.patience.timeout();
    let store = session::open_store(context.global, context.sealing_key).await?;
    let (client, _events) = session::online(context.global, &store, patience).await?;
    let answer = client.devices(of).await;
    let own = client.own_account();
    client.shutdown().await;
    for jid in answer? {
        let own = own.as_ref().is_some_and(|own| own.jid == jid || own.lid == jid);
        context.printer.print(&Line::Device { jid: jid.to_string(), own })?;
    }
    Ok(())
}
