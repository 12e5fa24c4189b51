//! The node's program.

use crate::go_program::GoProgram;

/// DefraDB, at the version that is pinned in `tools/defradb/go.mod`. Its first build takes 6 to 10 minutes on two
/// cores.
pub const DEFRADB: GoProgram = GoProgram {
    title: "a DefraDB node",
    name: "defradb",
    version: "1.0.0",
    file: "defradb",
    variable: "BOOKSTATE_DEFRADB",
    package: "github.com/sourcenetwork/defradb/cmd/defradb",
    ldflags: "-X github.com/sourcenetwork/defradb/version.GitRelease=v1.0.0",
};
