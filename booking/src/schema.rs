//! The tables of this crate; `migrations/` has the steps for each engine.

use db::migration::{Component, Step};

/// Pairs the two scripts of a step.
macro_rules! step {
    ($number:literal, $name:literal, $file:literal) => {
        Step {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/booking/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/booking/", $file)),
        }
    };
}

/// The steps that make and change them, for [`db::Db::migrate`].
pub const COMPONENT: Component = Component {
    name: "booking",
    steps: &[
        step!(1, "people", "0001_people.sql"),
        step!(2, "catalogue", "0002_catalogue.sql"),
        step!(3, "bookings", "0003_bookings.sql"),
        step!(4, "delivery", "0004_delivery.sql"),
        step!(5, "idempotency", "0005_idempotency.sql"),
        step!(6, "one_statement", "0006_one_statement.sql"),
        step!(7, "tenant", "0007_tenant.sql"),
        step!(8, "people", "0008_people.sql"),
        step!(9, "catalogue", "0009_catalogue.sql"),
        step!(10, "visits", "0010_visits.sql"),
        step!(11, "clients", "0011_clients.sql"),
        step!(12, "texts", "0012_texts.sql"),
        step!(13, "messages", "0013_messages.sql"),
        step!(14, "operation", "0014_operation.sql"),
        step!(15, "write_path", "0015_write_path.sql"),
        step!(16, "clients", "0016_clients.sql"),
        step!(17, "references", "0017_references.sql"),
        step!(18, "references", "0018_references.sql"),
        step!(19, "accounts", "0019_accounts.sql"),
        step!(20, "write_path", "0020_write_path.sql"),
        step!(21, "new_visit", "0021_new_visit.sql"),
        step!(22, "first_step", "0022_first_step.sql"),
    ],
};

/// The rule that refuses two live visits of one master at one time.
pub const NO_OVERLAP: &str = "booking_segments_no_overlap";
