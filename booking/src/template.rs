//! Templates: services, prices and hours that a new business can begin with.

use jiff::civil::Weekday;

use crate::access::Staff;
use crate::audit::{self, Change};
use crate::availability::{Interval, IntervalError, VisitLength};
use crate::id::ServiceId;
use crate::localized::Localized;
use crate::master::{self, Master};
use crate::name::{Name, NameError};
use crate::platform::Platform;
use crate::schedule::{self, ScheduleError, WeeklyInterval};
use crate::service::{self, Service, ServiceError, ServiceFields};
use crate::store::{StoreError, from_store, text_enum};

/// The most masters that a template brings along.
pub const MOST_NEW_MASTERS: usize = 20;

text_enum! {
    /// What kind of business it is for.
    Template {
        /// Hair, nails and brows.
        Salon = "salon",
        /// Men's hair and beards.
        Barbershop = "barbershop",
        /// Nails.
        Nails = "nails",
    }
}

/// A text in Russian, Kazakh and English.
type Texts = [&'static str; 3];
/// Name, price in tenge, minutes, buffer after.
type Line = (Texts, i64, u16, u16);
/// A heading and the services under it.
type Section = (Texts, &'static [Line]);

const SALON: &[Section] = &[
    (
        ["Волосы", "Шаш", "Hair"],
        &[
            (["Женская стрижка", "Әйелдер шаш қию", "Women's haircut"], 6_000, 60, 0),
            (["Мужская стрижка", "Ерлер шаш қию", "Men's haircut"], 4_000, 45, 0),
            (["Укладка", "Шаш сәндеу", "Hair styling"], 5_000, 45, 0),
            (["Окрашивание", "Шаш бояу", "Hair colouring"], 18_000, 150, 15),
        ],
    ),
    (
        ["Ногти", "Тырнақ", "Nails"],
        &[
            (["Маникюр с покрытием", "Гель-лакпен маникюр", "Manicure with gel polish"], 7_000, 90, 10),
            (["Педикюр", "Педикюр", "Pedicure"], 8_000, 90, 10),
        ],
    ),
    (
        ["Брови и ресницы", "Қас пен кірпік", "Brows and lashes"],
        &[
            (["Коррекция бровей", "Қас түзету", "Eyebrow shaping"], 3_000, 30, 0),
            (["Окрашивание бровей", "Қас бояу", "Eyebrow tinting"], 3_500, 30, 0),
            (["Ламинирование ресниц", "Кірпік ламинациясы", "Lash lift"], 9_000, 60, 0),
        ],
    ),
    (["Макияж", "Макияж", "Make-up"], &[(["Вечерний макияж", "Кешкі макияж", "Evening make-up"], 12_000, 60, 0)]),
];

const BARBERSHOP: &[Section] = &[
    (
        ["Стрижки", "Шаш қию", "Haircuts"],
        &[
            (["Мужская стрижка", "Ерлер шаш қию", "Men's haircut"], 6_000, 60, 0),
            (["Стрижка машинкой", "Машинкамен шаш қию", "Clipper cut"], 4_000, 30, 0),
            (["Детская стрижка", "Балалар шаш қию", "Children's haircut"], 4_500, 45, 0),
            (["Отец и сын", "Әке мен бала", "Father and son"], 9_500, 90, 0),
        ],
    ),
    (
        ["Борода и усы", "Сақал мен мұрт", "Beard and moustache"],
        &[
            (["Моделирование бороды", "Сақал сәндеу", "Beard trim"], 4_000, 30, 0),
            (["Королевское бритьё", "Патша қырынуы", "Hot towel shave"], 5_000, 45, 0),
            (["Стрижка и борода", "Шаш қию және сақал", "Haircut and beard"], 9_000, 90, 0),
        ],
    ),
    (["Уход", "Күтім", "Care"], &[(["Камуфляж седины", "Ақ шашты жасыру", "Grey blending"], 5_000, 30, 0)]),
];

const NAILS: &[Section] = &[
    (
        ["Маникюр", "Маникюр", "Manicure"],
        &[
            (["Маникюр без покрытия", "Жабынсыз маникюр", "Manicure"], 4_500, 60, 10),
            (["Маникюр с покрытием", "Гель-лакпен маникюр", "Manicure with gel polish"], 7_000, 90, 10),
            (["Наращивание ногтей", "Тырнақ ұзарту", "Nail extensions"], 13_000, 150, 15),
            (["Коррекция наращивания", "Ұзартылған тырнақты түзету", "Extension refill"], 10_000, 120, 15),
            (["Снятие покрытия", "Жабынды алу", "Polish removal"], 2_000, 30, 0),
            (["Дизайн ногтей", "Тырнақ дизайны", "Nail art"], 1_500, 30, 0),
        ],
    ),
    (
        ["Педикюр", "Педикюр", "Pedicure"],
        &[
            (["Педикюр без покрытия", "Жабынсыз педикюр", "Pedicure"], 7_000, 75, 10),
            (["Педикюр с покрытием", "Гель-лакпен педикюр", "Pedicure with gel polish"], 9_500, 105, 10),
        ],
    ),
];

/// Why a template was not applied. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The business has services already, archived ones too.
    #[error("the business has services already")]
    NotEmpty,
    /// There are more than [`MOST_NEW_MASTERS`] names.
    #[error("a template brings at most {MOST_NEW_MASTERS} masters along")]
    TooMany,
    /// A text or hours of the template break a rule: a defect.
    #[error("the template breaks a rule")]
    Text(#[from] NameError),
    /// Hours of the template break a rule: a defect.
    #[error("the template breaks a rule")]
    Hours(#[from] IntervalError),
    /// A service of the template breaks a rule: a defect.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A schedule of the template breaks a rule: a defect.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
from_store!(TemplateError);

impl Template {
    const fn sections(self) -> &'static [Section] {
        match self {
            Self::Salon => SALON,
            Self::Barbershop => BARBERSHOP,
            Self::Nails => NAILS,
        }
    }

    /// The weekdays from Monday that are worked, and from when to when.
    const fn hours(self) -> (usize, (u16, u16)) {
        match self {
            Self::Salon => (6, (540, 1_200)),
            Self::Barbershop => (7, (600, 1_260)),
            Self::Nails => (6, (600, 1_200)),
        }
    }

    /// Its services, in order.
    ///
    /// # Errors
    ///
    /// [`NameError`] for a text that breaks a rule: a defect.
    pub fn services(self) -> Result<Vec<ServiceFields>, NameError> {
        let mut services = Vec::new();
        for (category, lines) in self.sections() {
            for (name, tenge, duration, buffer_after) in *lines {
                let length = VisitLength { duration: *duration, buffer_before: 0, buffer_after: *buffer_after };
                let category = texts(*category)?;
                services.push(ServiceFields { category, ..ServiceFields::new(texts(*name)?, tenge * 100, length) });
            }
        }
        Ok(services)
    }

    fn weekly(self) -> Result<Vec<WeeklyInterval>, IntervalError> {
        let (days, (start, end)) = self.hours();
        let interval = Interval::new(start, end)?;
        Ok(Weekday::Monday.cycle_forward().take(days).map(|weekday| WeeklyInterval { weekday, interval }).collect())
    }
}

/// Fills a business without services: with the template's, with `new_masters` beside those that are there, and each
/// master who offers nothing yet gets all services and the template's hours.
///
/// # Errors
///
/// [`TemplateError`].
pub async fn apply(
    platform: &Platform,
    staff: &Staff,
    template: Template,
    new_masters: &[Name],
) -> Result<(Vec<Service>, Vec<Master>), TemplateError> {
    if new_masters.len() > MOST_NEW_MASTERS {
        return Err(TemplateError::TooMany);
    }
    let (business_id, now) = (staff.business.id, platform.clock.now());
    let (fields, weekly) = (template.services()?, template.weekly()?);
    let mut tx = platform.db.begin().await?;
    if !service::list(&mut tx, business_id).await?.is_empty() {
        return Err(TemplateError::NotEmpty);
    }
    let mut services: Vec<ServiceId> = Vec::with_capacity(fields.len());
    for (position, fields) in (0_i64..).zip(&fields) {
        services.push(service::create(&mut tx, business_id, staff.business.language, fields, position).await?);
    }
    let first = u32::try_from(master::list(&mut tx, business_id).await?.len()).unwrap_or(u32::MAX);
    for (position, name) in (first..).zip(new_masters) {
        master::create(&mut tx, business_id, name, None, position).await?;
    }
    for master in master::active(&mut tx, business_id).await?.iter().filter(|master| master.offers.is_empty()) {
        for service_id in &services {
            master::offer(&mut tx, business_id, master.id, &(*service_id).into()).await?;
        }
        schedule::set_weekly(&mut tx, business_id, master.id, &weekly).await?;
    }
    let new = serde_json::json!({ "template": template.as_str(), "services": services, "masters": new_masters.len() });
    let change =
        Change { entity: "template", entity_id: business_id.get(), action: "apply", old: None, new: Some(new) };
    audit::record(&mut tx, Some(business_id), &staff.access.origin, &change, now).await?;
    let filled = (service::list(&mut tx, business_id).await?, master::list(&mut tx, business_id).await?);
    tx.commit().await?;
    Ok(filled)
}

fn texts([ru, kk, en]: Texts) -> Result<Localized<Name>, NameError> {
    Ok(Localized { ru: Some(ru.parse()?), kk: Some(kk.parse()?), en: Some(en.parse()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_keeps_the_rules() {
        for template in Template::ALL {
            let services = template.services().unwrap();
            assert!(services.len() >= 8, "{template}");
            for service in &services {
                service.check().unwrap();
            }
            schedule::check_week(&template.weekly().unwrap()).unwrap();
        }
    }
}
