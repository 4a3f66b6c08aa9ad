//! The booking domain: people, schedules, availability, bookings, the outbox, message texts; and where they are kept.
//!
//! It knows neither HTTP nor WhatsApp. [`platform::Platform`] is what every use case needs: `api` calls the use cases,
//! and `scheduler` sends what they leave in the [`outbox`], under a [`lease`] of the [`account`]. Functions that take a
//! connection are the store; each names the tenant it works for, and another tenant's ids find nothing.
//!
//! ```
//! use booking::access::Origin;
//! use booking::booking::{NewBooking, Party, Source};
//! use booking::slots::Part;
//! use booking::{booking as visits, business, clock::Clock, demo, entropy::Entropy, master, platform::Platform};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let db = db::Db::connect("sqlite::memory:").await?;
//! let platform = Platform::open(db, Clock::system(), Entropy::system(), Default::default()).await?;
//! demo::seed(&platform).await?;
//!
//! let mut connection = platform.db.read().await?;
//! let salon = business::by_subdomain(&mut connection, "demo").await?.ok_or("no demo")?;
//! let masters = master::active(&mut connection, salon.id).await?;
//! let first = masters.first().ok_or("no master")?;
//! let service_id = *first.services.first().ok_or("no service")?;
//! let parts = [Part { service_id, master_id: Some(first.id), pause_minutes: 0 }];
//! drop(connection);
//!
//! let tomorrow = salon.zone.date(platform.clock.now()).tomorrow()?;
//! let visit = NewBooking {
//!     client: Party::Phone { phone: &"8 777 987 65 43".parse()?, name: Some(&"Данияр".parse()?) },
//!     parts: &parts,
//!     start: tomorrow.at(14, 0, 0, 0),
//!     notes: &"".parse()?,
//!     language: None,
//!     source: Source::Public { origin: &Origin::system(), hold: None, browser: None },
//! };
//! let booked = visits::create(&platform, &salon, &visit).await?;
//! assert_eq!(booked.wall_start, tomorrow.at(14, 0, 0, 0));
//! # Ok(()) }
//! ```

// What everything else is made of.
pub mod clock;
pub mod entropy;
pub mod id;
mod known;
pub mod language;
pub mod localized;
pub mod name;
pub mod operator;
pub mod overview;
pub mod phone;
pub mod platform;
pub mod policy;
pub mod schema;
pub mod store;
pub mod zone;

// Who.
pub mod access;
pub mod api_key;
pub mod audit;
pub mod authority;
pub mod business;
pub mod client;
pub mod client_login;
pub mod code;
pub mod consent;
pub mod invitation;
pub mod password;
pub mod profile;
pub mod session;
pub mod settings;
pub mod tenants;
pub mod user;

// What, by whom, and when.
pub mod catalogue;
pub mod holiday;
pub mod master;
pub mod schedule;
pub mod service;
pub mod template;

// Visits.
pub mod availability;
pub mod booking;
pub mod hold;
pub mod link;
pub mod slots;
pub mod timekeeping;
pub mod zones;

// Messages.
pub mod account;
pub mod bulk;
pub mod call_list;
pub mod contact;
pub mod direct;
pub mod inbound;
pub mod lease;
pub mod outbox;
pub mod quiet;
pub mod text;

pub mod idempotency;

pub mod demo;
