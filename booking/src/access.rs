//! What somebody may do in a business, and from where they do it.

use std::net::IpAddr;

use crate::id::{ApiKeyId, BusinessId, ClientId, MasterId, UserId};
use crate::settings::Switches;
use crate::user::Role;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Somebody who logged in.
    User {
        /// Who.
        id: UserId,
        /// The operator who acts in their name, if one does.
        impersonator: Option<UserId>,
    },
    /// A client of the business, by code or by link.
    Client(ClientId),
    /// A program of the business.
    ApiKey(ApiKeyId),
    /// The passing of time.
    System,
}

/// Who acts and from where: what the [audit log](crate::audit) keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub who: Who,
    /// The address the request came from, past trusted proxies.
    pub address: Option<IpAddr>,
    /// The request's id in the logs.
    pub request_id: Option<String>,
}

impl Origin {
    /// The program itself.
    #[must_use]
    pub const fn system() -> Self {
        Self { who: Who::System, address: None, request_id: None }
    }
}

/// What somebody of the staff, or a program of theirs, may do and see in one business.
#[derive(Debug, Clone)]
pub struct Access {
    /// The business.
    pub business_id: BusinessId,
    /// Who, and from where.
    pub origin: Origin,
    /// Their role; a program has one too.
    pub role: Role,
    /// The master they are themselves, if they are one.
    pub master_id: Option<MasterId>,
    /// What they see beyond their own.
    pub sees: Switches,
}

impl Access {
    /// Whether they run the business: its owner or a manager.
    #[must_use]
    pub const fn runs_business(&self) -> bool {
        matches!(self.role, Role::Owner | Role::Manager)
    }

    /// Whether they may see and change visits of this master.
    #[must_use]
    pub fn sees_master(&self, master_id: MasterId) -> bool {
        self.sees.calendars || self.master_id == Some(master_id)
    }
}
