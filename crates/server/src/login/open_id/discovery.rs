//! What a provider says about itself (OpenID Connect Discovery). It must name itself exactly as it is configured here, or
//! what is read is another's.

use serde::Deserialize;

use super::OpenIdError;
use super::address::Address;

/// Where a provider is called, and how.
#[derive(Debug, Clone)]
pub(super) struct Discovery {
    pub authorization: Address,
    pub token: Address,
    pub keys: Address,
    /// It always says who answers (RFC 9207).
    pub names_itself: bool,
    /// It takes our secret in a header; otherwise in the form.
    pub basic: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Discovery {
    /// Where it is read.
    pub fn address(issuer: &str) -> String {
        let issuer = issuer.trim_end_matches('/');
        format!("{issuer}/.well-known/openid-configuration")
    }

    pub fn read(json: &[u8], issuer: &str, plain_on_loopback: bool) -> Result<Self, OpenIdError> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|_| OpenIdError::Unusable("its description cannot be read"))?;
        if document.issuer != issuer {
            return Err(OpenIdError::Unusable("it calls itself by another name"));
        }
        let has = |list: &Option<Vec<String>>, wanted: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|one| one == wanted))
        };
        if !has(&document.response_types_supported, "code") {
            return Err(OpenIdError::Unusable("it gives no codes"));
        }
        // One that says nothing of it may know it all the same, and one that knows none ignores it.
        if !has(&document.code_challenge_methods_supported, "S256") {
            return Err(OpenIdError::Unusable("it takes no PKCE with S256"));
        }
        let methods = &document.token_endpoint_auth_methods_supported;
        let basic = has(methods, "client_secret_basic");
        if !basic && !has(methods, "client_secret_post") {
            return Err(OpenIdError::Unusable("it takes no client secret"));
        }
        let address = |text: &str| {
            Address::parse(text, plain_on_loopback)
                .map_err(|_| OpenIdError::Unusable("an address it names cannot be called safely"))
        };
        Ok(Self {
            authorization: address(&document.authorization_endpoint)?,
            token: address(&document.token_endpoint)?,
            keys: address(&document.jwks_uri)?,
            names_itself: document.authorization_response_iss_parameter_supported,
            basic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example/tenant";

    fn document(more: &str) -> String {
        format!(
            r#"{{"issuer":"{ISSUER}","authorization_endpoint":"https://login.example/auth",
                "token_endpoint":"https://api.login.example/token","jwks_uri":"https://login.example/keys",
                "nothing":null{more}}}"#
        )
    }

    fn read(text: &str) -> Result<Discovery, OpenIdError> {
        Discovery::read(text.as_bytes(), ISSUER, false)
    }

    #[test]
    fn a_provider_says_where_and_how_it_is_called() {
        let plain = read(&document("")).unwrap();
        assert!(plain.basic && !plain.names_itself);
        let more = r#","authorization_response_iss_parameter_supported":true,
            "response_types_supported":["id_token","code"],"code_challenge_methods_supported":["plain","S256"],
            "token_endpoint_auth_methods_supported":["private_key_jwt","client_secret_post"]"#;
        let told = read(&document(more)).unwrap();
        assert!(!told.basic && told.names_itself);
        assert_eq!(told.token.as_str(), "https://api.login.example/token");
        assert_eq!(
            Discovery::address("https://login.example/tenant/"),
            "https://login.example/tenant/.well-known/openid-configuration"
        );
    }

    #[test]
    fn a_provider_that_is_another_or_cannot_do_it_is_not_used() {
        let whole = document("");
        let all = [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            whole.replace(ISSUER, "https://login.example/tenant/"),
            whole.replace(ISSUER, "https://evil.example"),
            whole.replace("https://login.example/auth", "http://login.example/auth"),
            whole.replace("https://api.login.example/token", "http://127.0.0.1/token"),
            whole.replace("https://login.example/keys", "file:///etc/passwd"),
            whole.replace("jwks_uri", "jwks"),
            document(&format!(r#","issuer":"{ISSUER}""#)),
            document(r#","response_types_supported":["id_token"]"#),
            document(r#","code_challenge_methods_supported":["plain"]"#),
            document(r#","token_endpoint_auth_methods_supported":["none","private_key_jwt"]"#),
            document(r#","authorization_response_iss_parameter_supported":"yes""#),
        ];
        for text in all {
            assert!(
                matches!(read(&text), Err(OpenIdError::Unusable(_))),
                "{text}"
            );
        }
    }
}
