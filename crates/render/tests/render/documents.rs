//! Documents with a reader of their own: nothing of them is lost, what is masked is shown nowhere, and what is shown stays
//! in proportion.

use gatehold_render::{
    Display, Flag, Member, PayloadKind, RenderInput, Shape, render, represents, to_plain,
};
use proptest::prelude::*;

const SHAPES: [Shape; 3] = [Shape::TerraformPlan, Shape::Kubernetes, Shape::IamPolicy];
/// Bytes of display for each byte of payload, at most, and frame.
const GROWTH_MAX: usize = 160;
const FRAME_BYTES_MAX: usize = 640 << 10;

fn show(shape: Shape, pointer: &str, payload: &[u8]) -> Display {
    let described = [Member {
        label: "Document",
        pointer,
        shape,
    }];
    render(&RenderInput {
        media_type: "application/json",
        kind: PayloadKind::Json,
        envelope: &[],
        described: &described,
        internal: &[],
        payload,
    })
}

/// Names that readers look for, in any order and depth, with values of any kind.
fn documents() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("format_version"),
        Just("resource_changes"),
        Just("output_changes"),
        Just("address"),
        Just("change"),
        Just("actions"),
        Just("before"),
        Just("after"),
        Just("after_unknown"),
        Just("before_sensitive"),
        Just("after_sensitive"),
        Just("planned_values"),
        Just("root_module"),
        Just("apiVersion"),
        Just("kind"),
        Just("metadata"),
        Just("items"),
        Just("data"),
        Just("method"),
        Just("path"),
        Just("body"),
        Just("rules"),
        Just("verbs"),
        Just("Statement"),
        Just("Effect"),
        Just("Action"),
        Just("Principal"),
        Just("a\u{202e}\\n"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1.2".to_owned()),
        Just("[]".to_owned()),
        Just("\"1.2\"".to_owned()),
        Just("\"Secret\"".to_owned()),
        Just("\"create\"".to_owned()),
        Just("\"a secret that is long\"".to_owned()),
        Just("\"\\u00e9\\n\\\"\"".to_owned()),
        Just("\"/api/v1/namespaces/a/secrets\"".to_owned()),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(" , "))),
            proptest::collection::btree_map(name.clone(), inner, 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("\"{name}\" :{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_of_a_document_is_lost(document in documents(), shape in 0..SHAPES.len(), deep in any::<bool>()) {
        let (pointer, payload) = if deep {
            ("/inside", format!("{{\"beside\": 1, \"inside\": {document} }}"))
        } else {
            ("", document)
        };
        let display = show(SHAPES[shape], pointer, payload.as_bytes());
        prop_assert!(represents(&display, payload.as_bytes()));
        prop_assert_eq!(Display::from_bytes(&display.to_bytes().unwrap()).unwrap(), display);
    }

    #[test]
    fn what_a_plan_masks_is_shown_nowhere(
        secret in "zq[a-z\u{e9}\"\\\\ ]{8,18}",
        depth in 0usize..4,
        before in any::<bool>(),
    ) {
        let quoted = String::from_utf8(
            gatehold_core::json::canonical::to_bytes(secret.as_str()).unwrap()).unwrap();
        let nest = |inner: &str| format!("{}{inner}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
        let (values, marks) = (nest(&quoted), nest("true"));
        let side = if before { "before" } else { "after" };
        let other = if before { "after" } else { "before" };
        let act = if before { "delete" } else { "create" };
        let payload = format!(
            "{{\"format_version\":\"1.0\",\"variables\":{{\"v\":{{\"value\":{quoted}}}}},\"resource_changes\":[{{\"address\":\"a.b\",\
             \"mode\":\"managed\",\"type\":\"a\",\"name\":\"b\",\"change\":{{\"actions\":[\"{act}\"],\"{side}\":{{\"s\":{values}}},\
             \"{other}\":null,\"{side}_sensitive\":{{\"s\":{marks}}}}}}}]}}"
        );
        let display = show(Shape::TerraformPlan, "", payload.as_bytes());
        let shown = to_plain(&display);
        let inside = quoted.trim_matches('"');
        prop_assert!(!shown.contains(secret.as_str()) && !shown.contains(inside), "{}", shown);
        prop_assert!(display.flags.contains(&Flag::Hidden));
        prop_assert!(represents(&display, payload.as_bytes()));
    }
}

/// Shapes that would be walked again and again for each of their parts.
fn hostile() -> Vec<String> {
    let name = "n".repeat(20_000);
    let many = |piece: &str| piece.repeat(20_000 / piece.len());
    let plan = |before: &str, after: &str, marks: &str| {
        format!(
            "{{\"format_version\":\"1.0\",\"resource_changes\":[{{\"address\":\"a.b\",\"mode\":\"managed\",\"type\":\"a\",\
             \"name\":\"b\",\"change\":{{\"actions\":[\"update\"],\"before\":{before},\"after\":{after},\
             \"after_sensitive\":{marks}}}}}]}}"
        )
    };
    vec![
        plan(&format!("{{\"{name}\":[{}1]}}", many("1,")), "{}", "{}"),
        plan("{}", &format!("{{\"{name}\":[{}1]}}", many("1,")), "true"),
        plan("{}", &format!("[{}1]", many("\"secret text\",")), "true"),
        plan(
            &format!("[{}1]", many("[1],")),
            &format!("[{}1]", many("[2],")),
            "{}",
        ),
        format!(
            "{{\"format_version\":\"1.0\",\"resource_changes\":[{}1]}}",
            many("{},")
        ),
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}1]}}",
            many("{\"image\":\"a\"},")
        ),
        format!(
            "{{\"kind\":\"Role\",\"rules\":[{}1]}}",
            many("{\"verbs\":[\"*\"]},")
        ),
        format!(
            "{{\"kind\":\"SecretList\",\"items\":[{}1]}}",
            many("{\"data\":{\"a\":\"long enough\"}},")
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{}1]}}",
            many("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},")
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Action\":[{}\"a\"],\"Resource\":\"*\"}}}}",
            many("\"*a*b*c\",")
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Action\":\"a\",\"Resource\":\"*\",\
             \"Condition\":{{\"{name}\":{{\"{name}\":[{}\"a\"]}}}}}}}}",
            many("\"b\",")
        ),
    ]
}

#[test]
fn what_is_shown_of_a_document_grows_with_it_and_no_faster() {
    for payload in hostile() {
        for shape in SHAPES {
            let display = show(shape, "", payload.as_bytes());
            let bytes = display.to_bytes().unwrap().len();
            let most = payload.len() * GROWTH_MAX + FRAME_BYTES_MAX;
            assert!(
                bytes <= most,
                "{shape:?} {}: {bytes} of {most}",
                payload.get(..80).unwrap_or(&payload)
            );
            assert!(represents(&display, payload.as_bytes()), "{shape:?}");
        }
    }
}
