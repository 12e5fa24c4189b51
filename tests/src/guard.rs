//! What ends a child process when this process goes without doing so itself.
//!
//! `Drop` does not run when a test is killed, and a node that stays behind keeps its port and memory for
//! days. So a small shell waits on a pipe: a line says that the child is being looked after; the pipe's end
//! without one says that this process is gone. It is in a process group of its own, as the child is, so that
//! a Ctrl-C at the terminal does not end it first.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The guard of one process id.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Guards a child of this process.
    ///
    /// # Errors
    /// When the shell does not start.
    pub(crate) fn of(child: &Child) -> std::io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", "read -r line || kill -KILL \"$1\"", "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { shell })
    }
}

impl Drop for Guard {
    /// Ends the guard, not the child. To be done before the child is waited for: afterwards its id may be
    /// somebody else's.
    fn drop(&mut self) {
        if let Some(mut stdin) = self.shell.stdin.take() {
            // If the line does not get there the shell has gone already.
            drop(stdin.write_all(b"done\n"));
        }
        drop(self.shell.wait());
    }
}
