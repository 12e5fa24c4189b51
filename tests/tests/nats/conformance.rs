//! The laws of every target.

use crate::rig::target;

bookstate_store::target_conforms!(((), target()));
