//! `GET /healthz`: the process answers. Says nothing else.

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "healthz",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
pub(in crate::api) async fn handle() -> &'static str {
    "ok\n"
}
