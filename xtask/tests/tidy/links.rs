//! A link in a document leads to a file that is there.

use crate::report;
use crate::tree::{files, root};

#[test]
fn relative_links_lead_somewhere() {
    let mut problems = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for part in file.text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !root().join(folder).join(path).exists() {
                problems.push(format!(
                    "{}: links to {target}, which is not there",
                    file.path
                ));
            }
        }
    }
    report(problems);
}
