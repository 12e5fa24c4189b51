//! Runs a scene: Node, playwright-core and Chromium, none of which a test installs.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// How to get what is missing; `.ci/run` does it.
const INSTALL: &str = "apt-get install chromium nodejs npm; mkdir -p target/browser; \
                       cp tests/browser/package*.json target/browser; npm ci --prefix target/browser";

/// The workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The target directory: `target/PROFILE/deps/TEST` is what runs.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// A scene that runs. It is killed when this value goes before it has ended.
#[derive(Debug)]
pub(crate) struct Scene {
    name: String,
    child: Child,
}

/// Begins a scene.
pub(crate) fn start(name: &str, argument: &Value) -> Scene {
    let browser = target().join("browser");
    let driver = browser.join("node_modules/playwright-core/package.json");
    assert!(driver.exists(), "playwright-core is not in {}: {INSTALL}", browser.display());
    let screenshots = target().join("screenshots");
    std::fs::create_dir_all(&screenshots).unwrap();
    let child = Command::new("node")
        .arg(root().join("tests/browser/scenes.mjs"))
        .args([name, &argument.to_string()])
        .env("BOOKSTATE_BROWSER", &browser)
        .env("BOOKSTATE_SCREENSHOTS", &screenshots)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap_or_else(|error| panic!("node cannot be started ({error}): {INSTALL}"));
    Scene { name: name.to_owned(), child }
}

/// Plays a scene to its end, which must be a good one.
pub(crate) fn play(name: &str, argument: &Value) {
    start(name, argument).ends_well();
}

impl Scene {
    /// Waits for a line that the scene prints.
    pub(crate) fn says(mut self, line: &str) -> Self {
        let mut said = BufReader::new(self.child.stdout.take().unwrap()).lines();
        if !said.any(|said| said.is_ok_and(|said| said == line)) {
            self.ends_well();
            panic!("the scene ended without saying {line:?}");
        }
        self
    }

    /// Waits for the end.
    pub(crate) fn ends_well(mut self) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "scene {} failed, {status}; {INSTALL} if it is that\n{said}", self.name);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // It has ended in most cases.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
