//! Pictures of every page of the review console, taken from a real gate by a real browser, for people to look at.
//! They are not compared with anything: what is tested is said by tests, and how it looks is judged by eye.

use crate::pages;

/// Where the pictures go.
const FOLDER: &str = "target/screenshots";

pub fn run() -> Result<(), String> {
    pages::walk(Some(FOLDER))?;
    println!("the pictures are in {FOLDER}");
    Ok(())
}
