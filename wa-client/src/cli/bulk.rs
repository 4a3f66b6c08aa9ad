//! `bulk`: one text to many, slowly.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;
use wa_client::{Client, SendError, SendOptions};
use wa_proto::stanza::RefusalReaction;

use super::args::Bulk;
use super::failure::{Failure, Kind};
use super::output::Line;
use super::{Context, session};

/// Sends to each number once, in the given order, and stops when the server says that it is too
/// much: going on would cost the account.
pub(super) async fn run(context: &Context<'_>, arguments: &Bulk) -> Result<(), Failure> {
    let numbers = numbers(arguments)?;
    let pause = pause(arguments.pause)?;
    let store = session::open_store(context.global, context.sealing_key).await?;
    let patience = arguments.patience.timeout();
    let (client, _events) = session::online(context.global, &store, patience).await?;
    let outcome = send_all(context, &client, &numbers, &arguments.text, pause).await;
    client.shutdown().await;
    outcome
}

async fn send_all(
    context: &Context<'_>,
    client: &Client,
    numbers: &[String],
    text: &str,
    pause: Duration,
) -> Result<(), Failure> {
    let mut rng: StdRng = rand::make_rng();
    let progress = progress(context, numbers.len());
    let mut failures = 0_usize;
    let mut stopped = false;
    for (position, number) in numbers.iter().enumerate() {
        if stopped {
            context.printer.print(&Line::Skipped { to: number.clone() })?;
            continue;
        }
        if position > 0 {
            sleep(pause.mul_f64(rng.random_range(1.0..=1.34))).await;
        }
        match send_one(client, number, text).await {
            Ok(line) => progress.suspend(|| context.printer.print(&line))?,
            Err(error) => {
                failures += 1;
                stopped = is_a_warning(&error);
                let line = Line::Failed { to: number.clone(), message: error.to_string() };
                progress.suspend(|| context.printer.print(&line))?;
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    if failures == 0 {
        return Ok(());
    }
    let message = format!("{failures} of {} messages were not sent", numbers.len());
    Err(Failure::message(Kind::Refused, message))
}

async fn send_one(client: &Client, number: &str, text: &str) -> Result<Line, SendError> {
    let sent = client.send_text(number, text, SendOptions::default()).await?;
    let acked = sent.ack.await?;
    let timestamp = acked.timestamp.as_second();
    Ok(Line::Sent { id: sent.id, to: sent.chat.to_string(), timestamp })
}

/// Whether the failure concerns the account rather than this one recipient.
fn is_a_warning(error: &SendError) -> bool {
    match error {
        SendError::Refused(refusal) => {
            matches!(refusal.reaction(), RefusalReaction::PauseNewContacts | RefusalReaction::BackOff)
        }
        SendError::Stopped | SendError::NotOnline | SendError::Store(_) => true,
        _ => false,
    }
}

fn numbers(arguments: &Bulk) -> Result<Vec<String>, Failure> {
    let mut lines = arguments.numbers.clone();
    if let Some(path) = &arguments.file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the file {} cannot be read", path.display()))
            .map_err(Failure::usage)?;
        lines.extend(text.lines().map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    let numbers: Vec<String> = lines
        .iter()
        .map(|line| line.chars().filter(char::is_ascii_digit).collect::<String>())
        .filter(|number| !number.is_empty() && seen.insert(number.clone()))
        .collect();
    if numbers.is_empty() {
        return Err(Failure::message(Kind::Usage, "there is no number to send to"));
    }
    Ok(numbers)
}

fn pause(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|pause| *pause <= Duration::from_hours(1))
        .ok_or_else(|| Failure::message(Kind::Usage, "the pause is between 0 and 3600 seconds"))
}

fn progress(context: &Context<'_>, length: usize) -> ProgressBar {
    if context.printer.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_to_once_however_it_is_spelled() {
        let arguments = Bulk::example(&["+7 777 123-45-67", "77771234567", "77770000000"]);
        assert_eq!(numbers(&arguments).unwrap(), ["77771234567", "77770000000"]);
        assert_eq!(numbers(&Bulk::example(&["-"])).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn a_pause_is_a_sensible_number_of_seconds() {
        assert_eq!(pause(1.5).unwrap(), Duration::from_millis(1500));
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(pause(bad).is_err());
        }
    }
}
