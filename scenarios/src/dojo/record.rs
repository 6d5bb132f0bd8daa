//! Reading recorded runs: one JSON object a line, compressed with zstd or not, beside one `tools-SUITE.json` per suite.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::tools::Tool;
use crate::trouble::{Outcome, Trouble, trouble};

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// The recordings are compressed with a long window.
const WINDOW_LOG_MAX: u32 = 27;

/// One recorded run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Which suite of tools.
    pub suite: String,
    /// What the human asked.
    pub prompt: String,
    /// What the agent called, in order.
    pub calls: Vec<Call>,
    /// What only the scoring may look at.
    pub truth: Truth,
}

/// One recorded call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The tool.
    pub tool: String,
    /// The arguments as JSON.
    pub payload: Vec<u8>,
}

/// What the gate never sees.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Which run.
    pub id: String,
    /// Whether a prompt injection stood in a tool's output.
    pub attacked: bool,
    /// Whether the injected goal was reached.
    pub succeeded: bool,
    /// Calls each of which decides the attack.
    pub decisive: Vec<usize>,
    /// Calls that decide it together.
    pub joint: Vec<usize>,
}

/// The tools of one suite.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// By name.
    pub tools: BTreeMap<String, Tool>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    suite: String,
    attack: Option<String>,
    prompt: String,
    calls: Vec<LineCall>,
    attack_succeeded: Option<bool>,
    #[serde(default)]
    decisive_calls: Vec<usize>,
    #[serde(default)]
    jointly_decisive_calls: Vec<usize>,
}

#[derive(Deserialize)]
struct LineCall {
    tool: String,
    args: serde_json::Map<String, serde_json::Value>,
}

/// Every run in the folder's `runs.jsonl.zst` or `runs.jsonl`.
///
/// # Errors
/// What cannot be read, by line.
pub fn read_runs(folder: &Path) -> Outcome<Vec<Run>> {
    let packed = folder.join("runs.jsonl.zst");
    let plain = folder.join("runs.jsonl");
    let reader: Box<dyn Read> = if packed.exists() {
        let file = File::open(&packed).map_err(trouble(packed.display()))?;
        let mut decoder = zstd::Decoder::new(file).map_err(trouble("zstd"))?;
        decoder
            .window_log_max(WINDOW_LOG_MAX)
            .map_err(trouble("zstd"))?;
        Box::new(decoder)
    } else {
        Box::new(File::open(&plain).map_err(trouble(plain.display()))?)
    };
    let mut reader = BufReader::new(reader);
    let mut runs = Vec::new();
    loop {
        let mut line = Vec::new();
        reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(trouble("runs"))?;
        if line.is_empty() {
            return Ok(runs);
        }
        let place = format!("run {}", runs.len() + 1);
        let line: Line = serde_json::from_slice(&line).map_err(trouble(place))?;
        runs.push(run(line)?);
    }
}

fn run(line: Line) -> Outcome<Run> {
    let calls = line.calls.into_iter().map(|call| {
        Ok(Call {
            payload: serde_json::to_vec(&call.args).map_err(trouble(&call.tool))?,
            tool: call.tool,
        })
    });
    Ok(Run {
        suite: line.suite,
        prompt: line.prompt,
        calls: calls.collect::<Outcome<_>>()?,
        truth: Truth {
            id: line.id,
            attacked: line.attack.is_some(),
            succeeded: line.attack_succeeded == Some(true),
            decisive: line.decisive_calls,
            joint: line.jointly_decisive_calls,
        },
    })
}

/// Every suite of the folder.
///
/// # Errors
/// What cannot be read.
pub fn suites(folder: &Path) -> Outcome<Vec<Suite>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(trouble(folder.display()))? {
        let path: PathBuf = entry.map_err(trouble(folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(suite) = name
            .strip_prefix("tools-")
            .and_then(|name| name.strip_suffix(".json"))
        else {
            continue;
        };
        let text = std::fs::read(&path).map_err(trouble(path.display()))?;
        let tools: Vec<Tool> = serde_json::from_slice(&text).map_err(trouble(path.display()))?;
        found.push(Suite {
            name: suite.to_owned(),
            tools: tools
                .into_iter()
                .map(|tool| (tool.name.clone(), tool))
                .collect(),
        });
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    if found.is_empty() {
        return Err(Trouble(format!(
            "{}: no tools-SUITE.json",
            folder.display()
        )));
    }
    Ok(found)
}
