//! The stories of `scenarios/` and ten recorded agents, played against the real binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatehold_scenarios::dojo::{Plan, read_runs, send_all, suites};
use gatehold_scenarios::play::play;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn gatehold() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatehold"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

macro_rules! stories {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                let file = repository().join("scenarios").join($file);
                if let Err(trouble) = runtime().block_on(play(gatehold(), &file)) {
                    panic!("{trouble}");
                }
            }
        )+

        #[test]
        fn every_story_is_played() {
            let listed = BTreeSet::from([$($file.to_owned()),+]);
            let folder = std::fs::read_dir(repository().join("scenarios")).unwrap();
            let written: BTreeSet<String> = folder
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.starts_with('m') && name.ends_with(".toml"))
                .collect();
            assert_eq!(listed, written);
        }
    };
}

stories! {
    m022_task_boundary = "m022-task-boundary.toml",
    m029_bounded_read = "m029-bounded-read.toml",
    m030_narrow_workload_identity = "m030-narrow-workload-identity.toml",
    m051_temporary_database_write = "m051-temporary-database-write.toml",
    m052_one_time_secret_export = "m052-one-time-secret-export.toml",
    m053_contractor_beyond_baseline = "m053-contractor-beyond-baseline.toml",
    m054_legacy_coarse = "m054-legacy-coarse.toml",
    m055_flagged_by_the_platform = "m055-flagged-by-the-platform.toml",
    m090_cross_system = "m090-cross-system.toml",
    m092_token_scope = "m092-token-scope.toml",
    m093_session_extension = "m093-session-extension.toml",
    m094_new_workload = "m094-new-workload.toml",
    m105_chatbot_summary = "m105-chatbot-summary.toml",
    m106_no_self_approval = "m106-no-self-approval.toml",
    m121_high_risk_access = "m121-high-risk-access.toml",
    m207_crm_export = "m207-crm-export.toml",
    m208_crm_mass_update = "m208-crm-mass-update.toml",
    m209_crm_customer_visible = "m209-crm-customer-visible.toml",
}

/// Every recorded call gets an answer, reads pass, and each successful attack has a decisive call held.
#[test]
fn ten_recorded_agents() {
    let sample = repository().join("scenarios/dojo-sample");
    let (suites, runs) = (suites(&sample).unwrap(), read_runs(&sample).unwrap());
    let pack = repository().join("policies/default");
    let plan = Plan {
        gatehold: gatehold(),
        default_pack: &pack,
        workloads: 2,
    };
    let table = runtime().block_on(send_all(&plan, &suites, runs));
    let table = table.unwrap_or_else(|trouble| panic!("{trouble}"));
    let total = table.total();
    assert_eq!((total.runs, total.form_errors), (10, 0), "{table}");
    assert_eq!((total.attacks, total.stopped), (4, 4), "{table}");
    assert_eq!((total.benign, total.benign_untouched), (4, 2), "{table}");
    assert_eq!(total.benign_changes, total.benign_changes_held, "{table}");
}
