//! Whether a group role may be given at all: it must give rights to data and nothing that outlives a lease or makes more rights.

use super::names::Name;
use super::talk::{Talk, Trouble};

/// Everything that a member of a group can become, with what would be too much. Each role is asked by itself: a membership that is not
/// inherited can still be taken up with SET ROLE.
const TOO_MUCH: &str = "WITH RECURSIVE up(oid) AS ( \
        SELECT r.oid FROM pg_roles r WHERE r.rolname = $1::text::name \
        UNION SELECT m.roleid FROM pg_auth_members m JOIN up ON m.member = up.oid), \
    acl(entry) AS ( \
        SELECT relacl FROM pg_class UNION ALL SELECT attacl FROM pg_attribute WHERE attacl IS NOT NULL \
        UNION ALL SELECT nspacl FROM pg_namespace UNION ALL SELECT proacl FROM pg_proc \
        UNION ALL SELECT datacl FROM pg_database UNION ALL SELECT typacl FROM pg_type \
        UNION ALL SELECT lanacl FROM pg_language UNION ALL SELECT fdwacl FROM pg_foreign_data_wrapper \
        UNION ALL SELECT srvacl FROM pg_foreign_server UNION ALL SELECT lomacl FROM pg_largeobject_metadata \
        UNION ALL SELECT spcacl FROM pg_tablespace), \
    grantable(oid) AS (SELECT DISTINCT one.grantee FROM acl, LATERAL aclexplode(acl.entry) one WHERE one.is_grantable) \
    SELECT r.rolname::text, why.text FROM up JOIN pg_roles r ON r.oid = up.oid CROSS JOIN LATERAL (VALUES \
        (r.rolsuper, 'is a superuser'), \
        (r.rolcanlogin, 'may log in: give a group that nobody logs in as'), \
        (r.rolcreaterole, 'may create roles'), \
        (r.rolcreatedb, 'may create databases'), \
        (r.rolreplication, 'may replicate'), \
        (r.rolbypassrls, 'passes row security by'), \
        (starts_with(r.rolname::text, 'pg_') AND r.rolname::text <> ALL ($2::text[]), \
            'has power over the server itself'), \
        (EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.admin_option), \
            'may make others members of a role'), \
        (EXISTS (SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid \
            AND s.deptype = 'o'), 'owns objects: let another role own them'), \
        (EXISTS (SELECT FROM pg_database d WHERE has_database_privilege(r.oid, d.oid, 'CREATE')), \
            'may create schemas in a database'), \
        (EXISTS (SELECT FROM pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE')), \
            'may create objects in a schema'), \
        (r.oid IN (SELECT g.oid FROM grantable g), 'may pass on a right that it has') \
    ) AS why(so, text) WHERE why.so ORDER BY 1, 2 LIMIT 20";

/// Predefined roles that give reading and writing of data, and looks at statistics. Any other, also one of a version to come, is more.
const PLAIN_PREDEFINED: &[&str] = &[
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_stat_scan_tables",
    "pg_write_all_data",
];

/// Why a group is not given, in words for the operator; nothing when it may be.
pub(super) async fn too_much(talk: &Talk, group: &Name) -> Result<Option<String>, Trouble> {
    let known = "SELECT count(*) FROM pg_roles r WHERE r.rolname = $1::text::name";
    let row = talk.row(known, &[&group.as_str()]).await?;
    if talk.get::<i64>(&row, 0)? != 1 {
        return Ok(Some(format!("there is no role {}", group.as_str())));
    }
    let rows = talk
        .rows(TOO_MUCH, &[&group.as_str(), &PLAIN_PREDEFINED])
        .await?;
    let mut reasons = Vec::new();
    for row in &rows {
        let (role, why): (String, String) = (talk.get(row, 0)?, talk.get(row, 1)?);
        reasons.push(format!("{role} {why}"));
    }
    Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
}
