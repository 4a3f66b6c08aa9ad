//! Businesses by the `Host` of a request: on `demo.example.kz`, public requests need not name `demo`, and may name no
//! other.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use booking::business::Subdomain;

use super::problem::ApiError;
use crate::outline::Operation;

/// What public paths of a business begin with.
const PREFIX: &str = "/api/v1/public/business";
/// The part of documented paths that the host stands for.
const NAMED: &str = "/api/v1/public/business/{subdomain}/";

/// Puts the business of the host into public paths that name none.
#[derive(Debug, Clone)]
pub struct HostBusiness {
    /// `.example.kz`, in lower case.
    suffix: Arc<str>,
    /// What follows the business in paths: `services`, `masters`…; a path that begins with one names no business.
    resources: Arc<HashSet<String>>,
}

impl HostBusiness {
    /// Serves `domain` for the public paths of `operations`.
    #[must_use]
    pub fn new(domain: &str, operations: &[Operation]) -> Self {
        let resources = operations.iter().filter_map(|operation| operation.path.strip_prefix(NAMED));
        let resources = resources.filter_map(|rest| rest.split('/').next()).map(str::to_owned);
        Self { suffix: format!(".{}", domain.to_ascii_lowercase()).into(), resources: Arc::new(resources.collect()) }
    }

    /// The request with its host's business, also in its path, where the path names none.
    #[must_use]
    pub fn name(&self, mut request: Request<Body>) -> Request<Body> {
        let Some(subdomain) = self.subdomain(&request) else { return request };
        if let Some(uri) = self.named(&request, &subdomain) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(subdomain);
        request
    }

    fn named(&self, request: &Request<Body>, subdomain: &Subdomain) -> Option<Uri> {
        let rest = request.uri().path().strip_prefix(PREFIX)?;
        let first = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
        let names_none = rest.is_empty() || (rest.starts_with('/') && self.resources.contains(first));
        if !names_none {
            return None;
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let path: PathAndQuery = format!("{PREFIX}/{subdomain}{rest}{query}").parse().ok()?;
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }

    /// The label before the domain, if it can be a business.
    fn subdomain(&self, request: &Request<Body>) -> Option<Subdomain> {
        let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = header.or_else(|| request.uri().host())?.to_ascii_lowercase();
        let host = host.split(':').next()?.trim_end_matches('.').to_owned();
        host.strip_suffix(&*self.suffix)?.parse().ok()
    }
}

/// The business that the host of a request stands for, if it stands for one.
#[derive(Debug, Clone)]
pub struct HostOf(Option<Subdomain>);

impl<S: Send + Sync> FromRequestParts<S> for HostOf {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Subdomain>().cloned()))
    }
}

impl HostOf {
    /// The subdomain of the business that a request means: the one that it names, or else its host's.
    ///
    /// # Errors
    ///
    /// 422 when neither names one, or both name different ones.
    pub fn business<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, ApiError> {
        match (named, &self.0) {
            (Some(named), Some(host)) if !named.trim().eq_ignore_ascii_case(host.as_str()) => {
                let host = vec![("host", host.as_str().to_owned())];
                Err(ApiError::field("subdomain", "subdomain-not-of-host", host))
            }
            (Some(named), _) => Ok(named),
            (None, Some(host)) => Ok(host.as_str()),
            (None, None) => Err(ApiError::field("subdomain", "field-required", Vec::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(host: &str, path: &str) -> String {
        let by_host = HostBusiness::new("Example.kz", &crate::outline::operations().expect("document"));
        let request = Request::builder().uri(path).header(HOST, host).body(Body::empty()).expect("request");
        by_host.name(request).uri().to_string()
    }

    #[test]
    fn the_host_names_the_business_where_the_path_does_not() {
        let named = "/api/v1/public/business/demo";
        assert_eq!(path("demo.example.kz", "/api/v1/public/business"), named);
        assert_eq!(path("DEMO.example.kz:8000", "/api/v1/public/business/services"), format!("{named}/services"));
        let slots = "/availability?date=2026-01-15&master_id=1";
        assert_eq!(path("demo.example.kz", &format!("/api/v1/public/business{slots}")), format!("{named}{slots}"));
    }

    #[test]
    fn other_paths_and_hosts_stay_as_they_are() {
        for (host, as_it_is) in [
            ("demo.example.kz", "/api/v1/public/business/other"),
            ("demo.example.kz", "/api/v1/public/business/other/services"),
            ("demo.example.kz", "/api/v1/bookings"),
            ("demo.example.kz", "/api/v1/public/businesses"),
            ("example.kz", "/api/v1/public/business"),
            ("demo.example.kz.evil.com", "/api/v1/public/business"),
            ("a.demo.example.kz", "/api/v1/public/business"),
            ("api.example.kz", "/api/v1/public/business"),
            ("127.0.0.1:8000", "/api/v1/public/business"),
        ] {
            assert_eq!(path(host, as_it_is), as_it_is, "{host}");
        }
    }
}
