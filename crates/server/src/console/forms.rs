//! What a form of ours sends: a few short fields, each once. Anything else is refused.

use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;

use super::frame::PageError;
use crate::app::App;
use crate::auth;

/// A signed review fits: its context and signature have limits of their own, and travel as text that a form writes longer.
const FORM_BYTES_MAX: usize = 128 << 10;

/// The fields of a form, without its token. Put on the request by [`super::access`] and by nothing else.
#[derive(Debug, Clone)]
pub(super) struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The fields of these names, in this order; no other, none missing, none twice.
    pub fn exactly<const N: usize>(self, names: [&str; N]) -> Result<[String; N], PageError> {
        let mut fields = self.0;
        let mut taken = Vec::with_capacity(N);
        for name in names {
            let place = fields.iter().position(|(known, _)| known == name);
            let place = place.ok_or(PageError::Form)?;
            taken.push(fields.swap_remove(place).1);
        }
        if !fields.is_empty() {
            return Err(PageError::Form);
        }
        taken.try_into().map_err(|_| PageError::Form)
    }
}

/// Reads the form in a body.
pub(super) async fn read(app: &App, parts: &Parts, body: Body) -> Result<Fields, PageError> {
    let body = auth::read_body(app, body, FORM_BYTES_MAX)
        .await
        .map_err(|_| PageError::Form)?;
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    form.map(|Form(fields)| Fields(fields))
        .map_err(|_| PageError::Form)
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let fields = parts.extensions.get::<Self>().cloned();
        fields.ok_or(PageError::Fault("a form was not read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_there_once_and_no_other() {
        let fields = |text: &str| {
            let fields = text.split('&').filter_map(|pair| pair.split_once('='));
            let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Fields(owned.collect())
        };
        let [code, person] = fields("person=p&code=c")
            .exactly(["code", "person"])
            .unwrap();
        assert_eq!((code.as_str(), person.as_str()), ("c", "p"));
        for bad in [
            "",
            "code=c",
            "code=c&person=p&x=y",
            "code=c&code=c&person=p",
        ] {
            assert!(fields(bad).exactly(["code", "person"]).is_err(), "{bad}");
        }
    }
}
