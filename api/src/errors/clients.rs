//! Refused changes of clients and of texts.

use booking::booking::ChangeError;
use booking::client::{ClientError, MOST_TAGS, Tag, TagError};
use booking::text::{Event, TEMPLATE_LENGTH, TemplateError, Variable, WordingError};

use crate::http::problem::{ApiError, ProblemKind};

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotFound => Self::new(ProblemKind::ClientNotFound),
            ClientError::NotAllowed => Self::new(ProblemKind::NotAllowed),
            ClientError::PhoneTaken { client_id } => Self::new(ProblemKind::ClientExists).with_client(client_id.get()),
            ClientError::Erased => Self::new(ProblemKind::ClientErased),
            ClientError::Same => Self::new(ProblemKind::ClientSame),
            ClientError::HasVisits { count } => {
                Self::new(ProblemKind::ClientHasVisits).with("count", count.to_string())
            }
            ClientError::Visit(error) => {
                if let ChangeError::Store(error) = *error {
                    error.into()
                } else {
                    Self::caused(ProblemKind::Internal, &error)
                }
            }
            ClientError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

impl From<WordingError> for ApiError {
    fn from(error: WordingError) -> Self {
        match error {
            WordingError::NotAllowed => Self::new(ProblemKind::NotAllowed),
            WordingError::NotFound => Self::new(ProblemKind::BusinessNotFound),
            WordingError::Store(error) => error.into(),
            _ => Self::caused(ProblemKind::Internal, &error),
        }
    }
}

/// Reads the tags in `field`.
///
/// # Errors
///
/// A field error.
pub fn tags(field: &'static str, texts: &[String]) -> Result<Vec<Tag>, ApiError> {
    if texts.len() > MOST_TAGS {
        return Err(ApiError::field(field, "tags-too-many", vec![("max", MOST_TAGS.to_string())]));
    }
    let mut tags = Vec::with_capacity(texts.len());
    for text in texts {
        let tag = text.parse().map_err(|TagError| ApiError::field(field, "tag-invalid", Vec::new()))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// A text in `field` that is no template for `event`.
#[must_use]
pub fn template(field: &'static str, error: &TemplateError, event: Event) -> ApiError {
    match error {
        TemplateError::Empty => ApiError::field(field, "field-empty", Vec::new()),
        TemplateError::TooLong => ApiError::field(field, "field-too-long", vec![("max", TEMPLATE_LENGTH.to_string())]),
        TemplateError::Unbalanced { place } => {
            ApiError::field(field, "template-unbalanced", vec![("place", place.to_string())])
        }
        TemplateError::Unknown { name } => {
            let known = Variable::ALL.iter().filter(|variable| variable.fits(event));
            let known = known.map(|variable| variable.as_str()).collect::<Vec<_>>().join(", ");
            ApiError::field(field, "template-unknown", vec![("name", name.clone()), ("known", known)])
        }
        TemplateError::Invisible | _ => ApiError::field(field, "field-invisible", Vec::new()),
    }
}
