//! Invitations to a staff: a link over WhatsApp, good for a week and one use.
//!
//! Whoever opens the link has the phone that it was sent to, so that number is their login. The link's token is kept as
//! its hash.

use std::fmt;

use db::Connection;
use serde_json::json;
use zeroize::Zeroizing;

use crate::access::{Access, Origin, Who};
use crate::audit::{self, Change};
use crate::business::{self, Business, BusinessState};
use crate::clock::Timestamp;
use crate::id::{BusinessId, InvitationId, MasterId, UserId};
use crate::language::Language;
use crate::name::{Name, NameError};
use crate::outbox::{self, MessageKind, Notice};
use crate::password::{PasswordError, Passwords};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::session::{self, Holder, RefreshToken};
use crate::store::{StoreError, from_store};
use crate::user::{self, Email, EmailError, NewUser, Role, StaffError, User};

/// How long a link is good for, in days.
const DAYS: u32 = 7;
/// The most open invitations of a business: each is a message to a stranger.
const MOST_OPEN: i64 = 50;

/// Somebody to be invited.
#[derive(Debug, Clone, Copy)]
pub struct NewInvitation<'a> {
    /// Their number.
    pub phone: &'a Phone,
    /// Owner, manager or master.
    pub role: Role,
    /// The master they will be, if they are to be one.
    pub master_id: Option<MasterId>,
    /// What to call them.
    pub name: Option<&'a Name>,
    /// What to write to them in.
    pub language: Language,
}

/// An invitation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Invitation {
    /// The row.
    pub id: InvitationId,
    /// The business.
    pub business_id: BusinessId,
    /// What they will be.
    pub role: Role,
    /// Their number.
    pub phone: Phone,
    /// The master they will be.
    pub master_id: Option<MasterId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Why nobody was invited.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// Nobody of a staff has this role.
    #[error("nobody of a staff has this role")]
    Role,
    /// The business has no such master.
    #[error("the business has no such master")]
    UnknownMaster,
    /// Somebody of the staff has this number.
    #[error("somebody of the staff has this number")]
    PhoneTaken,
    /// Too many invitations are open.
    #[error("too many invitations are open")]
    TooMany,
    /// The operator has not set `PUBLIC_URL`: there is no address for a link.
    #[error("the platform has no public address for links")]
    NoAddress,
    /// Somebody without an account of a person invites.
    #[error("only a person can invite")]
    NotAPerson,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(InviteError);

/// Invites somebody: the link goes to their WhatsApp. An open invitation of the same number ends.
///
/// # Errors
///
/// [`InviteError`].
pub async fn invite(
    platform: &Platform,
    business: &Business,
    access: &Access,
    new: &NewInvitation<'_>,
) -> Result<Invitation, InviteError> {
    match new.role {
        Role::Owner | Role::Manager | Role::Master => {}
        Role::SuperAdmin | Role::Client => return Err(InviteError::Role),
    }
    let base = platform.policy.public_url.as_deref().ok_or(InviteError::NoAddress)?;
    let invited_by = access.user_id().ok_or(InviteError::NotAPerson)?;
    let token = Zeroizing::new(hex::encode(platform.entropy.bytes::<24>()));
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    check(&mut tx, business.id, new, now).await?;
    let expires_at = now.plus(i64::from(DAYS) * 86_400);
    let (id,) = db::fetch_one!(
        &mut tx,
        (InvitationId,),
        "insert into invitations
             (business_id, role, phone, language, master_id, token_hash, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
        business.id,
        new.role.as_str(),
        new.phone.expose(),
        new.language.as_str(),
        new.master_id,
        session::hash(&token).as_slice(),
        invited_by,
        now,
        expires_at,
    )?;
    let link = format!("{}/api/v1/invitations/{}", base.trim_end_matches('/'), *token);
    plan(&mut tx, platform, business, new, id, &link).await?;
    let change = Change {
        entity: "invitation",
        entity_id: id.get(),
        action: "create",
        old: None,
        new: Some(json!({ "role": new.role.as_str(), "phone": last_four(new.phone), "master_id": new.master_id })),
    };
    audit::record(&mut tx, Some(business.id), &access.origin, &change, now).await?;
    tx.commit().await?;
    platform.outbox.ring();
    let (phone, master_id) = (new.phone.clone(), new.master_id);
    Ok(Invitation { id, business_id: business.id, role: new.role, phone, master_id, created_at: now, expires_at })
}

/// The open invitations of a business, the newest first.
///
/// # Errors
///
/// [`StoreError`].
pub async fn open(
    connection: &mut Connection,
    business_id: BusinessId,
    now: Timestamp,
) -> Result<Vec<Invitation>, StoreError> {
    let rows = db::fetch_all!(
        connection,
        Row,
        "select id, business_id, role, phone, master_id, created_at, expires_at from invitations
         where business_id = $1 and accepted_at is null and revoked_at is null and expires_at > $2
         order by id desc",
        business_id,
        now,
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// Takes an open invitation back; whether there was one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn revoke(
    platform: &Platform,
    business_id: BusinessId,
    id: InvitationId,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let revoked = db::execute!(
        &mut tx,
        "update invitations set revoked_at = $3
         where business_id = $1 and id = $2 and accepted_at is null and revoked_at is null",
        business_id,
        id,
        now,
    )?;
    if revoked > 0 {
        let change = Change { entity: "invitation", entity_id: id.get(), action: "revoke", old: None, new: None };
        audit::record(&mut tx, Some(business_id), origin, &change, now).await?;
    }
    tx.commit().await?;
    Ok(revoked > 0)
}

/// The open invitation behind a link, and its business.
///
/// # Errors
///
/// [`StoreError`].
pub async fn by_token(
    connection: &mut Connection,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Invitation, Business)>, StoreError> {
    let row = db::fetch_optional!(
        connection,
        Row,
        "select id, business_id, role, phone, master_id, created_at, expires_at from invitations
         where token_hash = $1 and accepted_at is null and revoked_at is null and expires_at > $2",
        session::hash(token).as_slice(),
        now,
    )?;
    let Some(invitation) = row.map(Row::read).transpose()? else { return Ok(None) };
    let business = business::by_id(connection, invitation.business_id).await?;
    Ok(business.map(|business| (invitation, business)))
}

/// What whoever was invited fills in. `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct Acceptance<'a> {
    /// Their name.
    pub full_name: &'a str,
    /// The password they choose.
    pub password: &'a str,
    /// An address to log in with beside the number.
    pub email: Option<&'a str>,
}

impl fmt::Debug for Acceptance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptance")
    }
}

/// Why an invitation was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// There is no such link, or it was used, taken back, or is too old.
    #[error("the invitation is worth nothing any more")]
    Gone,
    /// The business is suspended.
    #[error("the business is suspended")]
    Suspended,
    /// The field `full_name`.
    #[error("the name is not usable")]
    FullName(#[source] NameError),
    /// The field `password`.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The field `email`.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// Somebody has this address.
    #[error("somebody has this e-mail address")]
    EmailTaken,
    /// Somebody of the staff has the number.
    #[error("somebody of the staff has this number")]
    PhoneTaken,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(AcceptError);

/// Makes whoever was invited somebody of the staff, and logs them in.
///
/// # Errors
///
/// [`AcceptError`].
pub async fn accept(
    platform: &Platform,
    token: &str,
    form: &Acceptance<'_>,
    origin: &Origin,
) -> Result<(User, RefreshToken), AcceptError> {
    let full_name: Name = form.full_name.parse().map_err(AcceptError::FullName)?;
    Passwords::check(form.password)?;
    let email = form.email.map(str::parse::<Email>).transpose()?;
    let hash = platform.passwords.hash(form.password, platform.entropy.bytes()).await?;
    let now = platform.clock.real_now();
    let mut tx = platform.db.begin().await?;
    let (invitation, business) = by_token(&mut tx, token, now).await?.ok_or(AcceptError::Gone)?;
    if business.state == BusinessState::Suspended {
        return Err(AcceptError::Suspended);
    }
    let new = NewUser {
        business_id: Some(business.id),
        email: email.as_ref(),
        full_name: &full_name,
        phone: Some(&invitation.phone),
        role: invitation.role,
        password_hash: &hash,
    };
    let user_id = user::create(&mut tx, &new, now).await.map_err(|error| match error.constraint() {
        Some("users_email_key") => AcceptError::EmailTaken,
        Some("users_business_id_phone_key") => AcceptError::PhoneTaken,
        _ => AcceptError::Store(error),
    })?;
    let spent = db::execute!(
        &mut tx,
        "update invitations set accepted_at = $2, user_id = $3 where id = $1 and accepted_at is null",
        invitation.id,
        now,
        user_id,
    )?;
    if spent == 0 {
        return Err(AcceptError::Gone);
    }
    join(&mut tx, &invitation, user_id, origin, now).await?;
    let refresh =
        session::begin(&mut tx, platform, Holder::User { id: user_id, business_id: Some(business.id) }).await?;
    tx.commit().await?;
    tracing::info!(business.id = %business.id, user.id = %user_id, "user {user_id} joined the staff");
    let user = User {
        id: user_id,
        business_id: Some(business.id),
        email,
        full_name,
        phone: Some(invitation.phone),
        role: invitation.role,
        deactivated_at: None,
    };
    Ok((user, refresh))
}

/// Links the new user to their master, and writes down that they joined. A master who is gone by now is left out.
async fn join(
    connection: &mut Connection,
    invitation: &Invitation,
    user_id: UserId,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), StoreError> {
    match user::link(connection, invitation.business_id, user_id, invitation.master_id).await {
        Ok(()) | Err(StaffError::UnknownMaster | StaffError::NotFound | StaffError::Role | StaffError::LastOwner) => {}
        Err(StaffError::Store(error)) => return Err(error),
    }
    let origin = Origin { who: Who::User { id: user_id, impersonator: None }, ..origin.clone() };
    let change = Change {
        entity: "user",
        entity_id: user_id.get(),
        action: "join",
        old: None,
        new: Some(json!({ "role": invitation.role.as_str(), "invitation_id": invitation.id })),
    };
    audit::record(connection, Some(invitation.business_id), &origin, &change, now).await
}

async fn check(
    connection: &mut Connection,
    business_id: BusinessId,
    new: &NewInvitation<'_>,
    now: Timestamp,
) -> Result<(), InviteError> {
    let taken = db::fetch_optional!(
        connection,
        (UserId,),
        "select id from users where business_id = $1 and phone = $2 and deactivated_at is null",
        business_id,
        new.phone.expose(),
    )?;
    if taken.is_some() {
        return Err(InviteError::PhoneTaken);
    }
    if let Some(master_id) = new.master_id {
        let master = db::fetch_optional!(
            connection,
            (MasterId,),
            "select id from masters where business_id = $1 and id = $2",
            business_id,
            master_id,
        )?;
        master.ok_or(InviteError::UnknownMaster)?;
    }
    db::execute!(
        connection,
        "update invitations set revoked_at = $3
         where business_id = $1 and phone = $2 and accepted_at is null and revoked_at is null",
        business_id,
        new.phone.expose(),
        now,
    )?;
    let (open,) = db::fetch_one!(
        connection,
        (i64,),
        "select count(*) from invitations
         where business_id = $1 and accepted_at is null and expires_at > $2
             and (revoked_at is null or created_at > $3)",
        business_id,
        now,
        now.plus(-86_400),
    )?;
    if open >= MOST_OPEN { Err(InviteError::TooMany) } else { Ok(()) }
}

async fn plan(
    connection: &mut Connection,
    platform: &Platform,
    business: &Business,
    new: &NewInvitation<'_>,
    id: InvitationId,
    link: &str,
) -> Result<(), StoreError> {
    let name = new.name.map(Name::as_str).unwrap_or_default();
    let text = platform.texts.invitation(new.language, business.name.as_str(), name, link, DAYS);
    let notice = Notice {
        kind: MessageKind::Invitation,
        dedup_key: &format!("invitation:{id}"),
        phone: new.phone,
        text: &text,
        language: new.language,
        worth_seconds: i64::from(DAYS) * 86_400,
    };
    outbox::plan_notice(connection, platform, business.id, &notice).await
}

fn last_four(phone: &Phone) -> String {
    let digits = phone.expose();
    format!("…{}", digits.get(digits.len().saturating_sub(4)..).unwrap_or_default())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: InvitationId,
    business_id: BusinessId,
    role: String,
    phone: String,
    master_id: Option<MasterId>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Row {
    fn read(self) -> Result<Invitation, StoreError> {
        let id = self.id.get();
        let broken = |_| StoreError::Row { table: "invitations", id, rule: "phone is not in E.164 form" };
        Ok(Invitation {
            id: self.id,
            business_id: self.business_id,
            role: Role::of_row(&self.role, "invitations", id)?,
            phone: Phone::try_from(self.phone).map_err(broken)?,
            master_id: self.master_id,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}
