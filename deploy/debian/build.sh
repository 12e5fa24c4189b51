#!/usr/bin/env bash
# Makes the Debian package: target/debian/bookstate_VERSION_ARCHITECTURE.deb. Installs `cargo deb` when it is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! cargo deb --version >/dev/null 2>&1; then
  export PATH="$PWD/target/tools/bin:$PATH"
  cargo deb --version >/dev/null 2>&1 || \
    cargo install --quiet --locked --debug --root target/tools --target-dir target/tools/build cargo-deb@3.8.0
fi
cargo build --locked --release --package bookstate-cli --features tls,nats

# What the program says of itself.
files=target/debian/files
rm -rf "$files"
mkdir -p "$files/man"
target/release/bookstate man-pages "$files/man"
target/release/bookstate completions bash >"$files/bookstate"
target/release/bookstate completions zsh >"$files/_bookstate"
target/release/bookstate completions fish >"$files/bookstate.fish"

rm -f target/debian/bookstate_*.deb
cargo deb --quiet --no-build --no-strip --compress-system --package bookstate-cli --output target/debian/
ls target/debian/bookstate_*.deb
