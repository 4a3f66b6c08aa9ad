//! The REST API, its OpenAPI document and its pages.
