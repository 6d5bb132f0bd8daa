//! What a descriptor calls a secret is shown in no part of a display, wherever it stands in the payload.

use gatehold_render::{Flag, Member, PayloadKind, RenderInput, Shape, render, to_plain};

const SECRET: &str = "hunter2hunter2";

#[test]
fn a_secret_is_shown_in_no_part_of_a_display() {
    let member = |label, pointer, shape| Member {
        label,
        pointer,
        shape,
    };
    let shapes = [
        (Shape::Sql, format!("\"ALTER ROLE a PASSWORD '{SECRET}'\"")),
        (Shape::Shell, format!("\"login --password {SECRET}\"")),
        (
            Shape::Diff,
            format!("\"--- a\\n+++ b\\n@@ -1 +1 @@\\n-x\\n+{SECRET}\\n\""),
        ),
        (Shape::Recipients, format!("[\"{SECRET}@a.example\"]")),
        (Shape::Plain, format!("\"say {SECRET} twice\"")),
    ];
    for (shape, value) in shapes {
        let payload = format!(
            r#"{{"password":"{SECRET}","what":{value},"method":"GET","path":"/login?p={SECRET}"}}"#
        );
        let display = render(&RenderInput {
            media_type: "application/json",
            kind: PayloadKind::Http,
            envelope: &[],
            described: &[
                member("Password", "/password", Shape::Secret),
                member("What", "/what", shape),
            ],
            internal: &[],
            payload: payload.as_bytes(),
        });
        let shown = to_plain(&display);
        assert!(!shown.contains(SECRET), "{shape:?}: {shown}");
        assert!(display.flags.contains(&Flag::Hidden), "{shape:?}");
        // Nobody can judge what was not taken apart.
        assert!(display.counts.uninspectable, "{shape:?}");
    }
}
