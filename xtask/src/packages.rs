//! What the tests need from the system: real peers (PostgreSQL, OpenSSH, Chromium) and foreign verifiers (Go, Python).
//! On Debian as root the missing ones are installed; anywhere else they are named and the step fails. The packages of Python
//! and of npm go into folders of their own below `target/`, by their pinned hashes.

use std::path::Path;

use crate::shell;
use crate::steps::Step;

/// The environment of the Python packages, where crates/core/tests/json/live.rs and, of crates/gatehold/tests, browser.rs and
/// channels.rs look for it.
const PYTHON: &str = "target/python";
/// What goes into it, all at once or not at all.
const PYTHON_PACKAGES: [&str; 3] = [
    "crates/core/tests/json/corpus/requirements.txt",
    "crates/gatehold/tests/browser/requirements.txt",
    "crates/gatehold/tests/receivers/requirements.txt",
];

/// What comes from npm.
struct Npm {
    /// The package that is wanted.
    name: &'static str,
    /// Where it goes.
    folder: &'static str,
    /// Where its version and everything that it needs are pinned.
    pinned: &'static str,
}

/// The identity provider, where crates/gatehold/tests/openid.rs looks for it, and what looks for barriers on a page.
const NPM: [Npm; 3] = [
    Npm {
        name: "oidc-provider",
        folder: "target/identity-provider",
        pinned: "crates/gatehold/tests/identity_provider",
    },
    Npm {
        name: "axe-core",
        folder: "target/node",
        pinned: "xtask/screenshots",
    },
    // Looked for by crates/gatehold/tests/browser/push_service.mjs.
    Npm {
        name: "http_ece",
        folder: "target/push-service",
        pinned: "crates/gatehold/tests/push_service",
    },
];

/// The one file of axe-core that pages are looked at with.
pub const AXE: &str = "target/node/node_modules/axe-core/axe.min.js";

pub const STEP: Step = Step {
    name: "packages",
    what: "the system programs that tests run against",
    run,
};

/// A Debian package and how to see that what it brings is there.
struct Package {
    debian: &'static str,
    present: fn() -> bool,
}

const NEEDED: &[Package] = &[
    Package {
        debian: "postgresql",
        present: has_postgresql,
    },
    Package {
        debian: "golang-go",
        present: || shell::find("go").is_some(),
    },
    Package {
        debian: "golang-golang-x-mod-dev",
        present: || Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir(),
    },
    Package {
        debian: "openssh-client",
        present: || shell::find("ssh-keygen").is_some(),
    },
    // Debian keeps it out of the search path. Tests start one of their own; that of the system need not run.
    Package {
        debian: "openssh-server",
        present: || Path::new("/usr/sbin/sshd").exists(),
    },
    Package {
        debian: "python3",
        present: || shell::find("python3").is_some(),
    },
    Package {
        debian: "python3-venv",
        present: || shell::answers("python3", &["-c", "import venv, ensurepip"]),
    },
    Package {
        debian: "nodejs",
        present: || shell::find("node").is_some(),
    },
    Package {
        debian: "chromium",
        present: || shell::find("chromium").is_some(),
    },
    Package {
        debian: "sqlite3",
        present: || shell::find("sqlite3").is_some(),
    },
    Package {
        debian: "nodejs",
        present: || shell::find("node").is_some(),
    },
    Package {
        debian: "npm",
        present: || shell::find("npm").is_some(),
    },
    Package {
        debian: "zstd",
        present: || shell::find("zstd").is_some(),
    },
];

fn run() -> Result<(), String> {
    debian()?;
    python()?;
    NPM.iter().try_for_each(npm)
}

/// A package of npm with all that it needs, once for each pinned set.
fn npm(package: &Npm) -> Result<(), String> {
    let Npm {
        name,
        folder,
        pinned,
    } = package;
    let lock = |folder: &str| std::fs::read(Path::new(folder).join("package-lock.json")).ok();
    let installed = Path::new(folder).join("node_modules").join(name).is_dir();
    if installed && lock(folder) == lock(pinned) {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
    for file in ["package.json", "package-lock.json"] {
        let to = Path::new(folder).join(file);
        std::fs::copy(Path::new(pinned).join(file), &to)
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    let arguments = [
        "ci",
        "--prefix",
        folder,
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ];
    shell::run("npm", &arguments).map_err(|error| {
        format!("{error}\n{name} of {pinned} is missing in {folder}: it comes from npm")
    })
}

/// The Python packages, once.
fn python() -> Result<(), String> {
    let python = format!("{PYTHON}/bin/python3");
    if shell::answers(
        &python,
        &[
            "-c",
            "import rfc8785, fido2.webauthn, cryptography, aiosmtpd.smtp, standardwebhooks",
        ],
    ) {
        return Ok(());
    }
    shell::run("python3", &["-m", "venv", PYTHON])?;
    let mut arguments = vec!["-m", "pip", "install", "--disable-pip-version-check"];
    arguments.extend(["--require-hashes", "--only-binary=:all:"]);
    arguments.extend(PYTHON_PACKAGES.iter().flat_map(|file| ["-r", *file]));
    shell::run(&python, &arguments).map_err(|error| {
        let files = PYTHON_PACKAGES.join(" and ");
        format!("{error}\nthe Python packages of {files} are missing in {PYTHON}: they come from a package index")
    })
}

fn debian() -> Result<(), String> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if shell::find("apt-get").is_none() || !is_root() {
        return Err(format!("install these first (Debian names): {names}"));
    }
    shell::run("apt-get", &["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(missing);
    shell::run_with(
        "apt-get",
        &arguments,
        &[("DEBIAN_FRONTEND", "noninteractive")],
    )?;
    match self::missing().as_slice() {
        [] => Ok(()),
        still => Err(format!("installed, and still missing: {}", still.join(" "))),
    }
}

fn missing() -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|package| !(package.present)())
        .map(|package| package.debian)
        .collect()
}

/// Debian keeps the server's programs out of the search path, one folder per major version.
fn has_postgresql() -> bool {
    shell::find("initdb").is_some()
        || std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
            versions
                .flatten()
                .any(|version| version.path().join("bin/initdb").is_file())
        })
}

fn is_root() -> bool {
    shell::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0")
}
