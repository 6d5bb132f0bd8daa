//! What the engine hands to Cedar is what the schema describes: the slice leaves parts out, never gets one wrong.

use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Entities, Request, Schema};

use super::*;

#[test]
fn every_question_of_the_default_pack_conforms_to_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let bundle = Arc::new(Bundle::load(&folder).unwrap());
    let (schema, _) = Schema::from_cedarschema_str(bundle.schema_text()).unwrap();
    let names = Names::new(&bundle);
    assert!(bundle.cases().len() > 50);
    for case in bundle.cases() {
        let input = case.input(&bundle).unwrap();
        let descriptor = &bundle.descriptors()[&case.descriptor];
        let asked = Asked::new(&names, &input, descriptor).unwrap();
        let whole = asked.pose_whole().unwrap();
        let (principal, action, resource) = (
            whole.request.principal().unwrap(),
            whole.request.action().unwrap(),
            whole.request.resource().unwrap(),
        );
        Request::new(
            principal.clone(),
            action.clone(),
            resource.clone(),
            whole.request.context().unwrap().clone(),
            Some(&schema),
        )
        .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        Entities::from_entities(whole.entities.iter().cloned(), Some(&schema))
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
    }
}
