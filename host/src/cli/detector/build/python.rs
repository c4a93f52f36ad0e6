//! Python: componentize-py puts a CPython around the module. Of WASI it is given nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::tool::{self, Tool};
use super::wit;

const PYTHON: Tool = Tool {
    program: "python3",
    get: "get Python 3.10 or newer with venv, such as `apt-get install python3-venv`",
};
const PIP: Tool = Tool { program: ".venv/bin/pip", get: "remove .venv and build again" };
const COMPONENTIZE: Tool = Tool {
    program: ".venv/bin/componentize-py",
    get: "requirements.txt wants a line such as `componentize-py==0.25.1`",
};

pub(super) fn build(dir: &Path) -> anyhow::Result<Vec<u8>> {
    if tool::is_stale(&dir.join(COMPONENTIZE.program), &dir.join("requirements.txt")) {
        let mut python = Command::new(PYTHON.program);
        python.current_dir(dir).args(["-m", "venv", "--clear", ".venv"]);
        PYTHON.run(&mut python, "making a virtual environment")?;
        let mut pip = Command::new(dir.join(PIP.program));
        pip.current_dir(dir).args(["install", "--quiet", "--requirement", "requirements.txt"]);
        PIP.run(&mut pip, "pip install")?;
    }
    let out = dir.join("target");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let component = out.join("component.wasm");
    let mut componentize = Command::new(dir.join(COMPONENTIZE.program));
    componentize
        .current_dir(dir)
        .arg("--wit-path")
        .arg(wit::of(dir)?)
        .args(["--world", wit::WORLD, "componentize", "detector", "--stub-wasi", "--output"])
        .arg(&component);
    COMPONENTIZE.run(&mut componentize, "putting a Python around it")?;
    fs::read(&component).with_context(|| component.display().to_string())
}
