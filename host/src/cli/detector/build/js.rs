//! JavaScript: componentize-js puts a SpiderMonkey around the module. Of WASI it is given nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::tool::{self, Tool};
use super::wit;

const GET: &str = "get Node.js 20 or newer with npm, such as `apt-get install nodejs npm` or from https://nodejs.org";
const NPM: Tool = Tool { program: "npm", get: GET };
const NODE: Tool = Tool { program: "node", get: GET };

/// What a detector does not have. Without them the component imports `log` and nothing else.
const DISABLED: [&str; 5] = ["stdio", "random", "clocks", "http", "fetch-event"];

pub(super) fn build(dir: &Path) -> anyhow::Result<Vec<u8>> {
    let package = dir.join("package.json");
    if tool::is_stale(&dir.join("node_modules/.package-lock.json"), &package) {
        let mut npm = Command::new(NPM.program);
        npm.current_dir(dir).args(["install", "--no-audit", "--no-fund"]);
        NPM.run(&mut npm, "npm install")?;
    }
    let text = fs::read_to_string(&package).with_context(|| package.display().to_string())?;
    let package: Value =
        serde_json::from_str(&text).with_context(|| package.display().to_string())?;
    let out = dir.join("target");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let component = out.join("component.wasm");
    let mut node = Command::new(NODE.program);
    node.current_dir(dir)
        .arg("node_modules/@bytecodealliance/componentize-js/src/cli.js")
        .arg(package["main"].as_str().unwrap_or("detector.js"))
        .arg("--wit")
        .arg(wit::of(dir)?)
        .args(["--world-name", wit::WORLD, "--disable"])
        .args(DISABLED)
        .arg("--out")
        .arg(&component);
    NODE.run(&mut node, "putting a JavaScript engine around it")?;
    fs::read(&component).with_context(|| component.display().to_string())
}
